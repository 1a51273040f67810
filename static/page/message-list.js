// Message list of a room.

import { MessageGroup, make, messageElement, showRemoved } from "./message-group.js";
import { PendingMessages } from "./pending-messages.js";

const AT_END = 500;
const WHILE_READING = 2_000;
const BOTTOM_SLACK_PX = 48;
const TOP_REACH_PX = 300;

/**
 * Shows messages, newest last, and follows them while the reader is at the end.
 *
 * The newest 500 entries stay in the document, 2,000 while somebody reads further up.
 * `onTop()` is called when older ones are wanted, `onTrim()` when the oldest have been dropped,
 * `onEdit(text)` when a refused one is taken back, `onModerate(message)` when a moderator wants to
 * do something about one; `moderates()` tells whether there is a moderator.
 */
export class MessageList {
  #list;
  #edge;
  #past;
  #newer;
  #pending;
  #onTop;
  #onTrim;
  #onModerate;
  #moderates;
  /** Every message and note, from the top. */
  #entries = [];
  #first = null;
  #last = null;
  /** The note of a new beginning; messages of the past are shown below it. */
  #beginning = null;
  #following = true;
  #place = 0;
  #unread = 0;

  constructor(view, { onTop, onTrim, onEdit, onModerate, moderates }) {
    this.#list = view.querySelector(".message-list");
    this.#edge = view.querySelector(".edge");
    this.#past = view.querySelector(".past");
    this.#newer = view.querySelector(".newer");
    this.#pending = new PendingMessages(view.querySelector(".pending-messages"), onEdit);
    this.#onTop = onTop;
    this.#onTrim = onTrim;
    this.#onModerate = onModerate;
    this.#moderates = moderates;
    this.#list.addEventListener("scroll", () => this.#noticeScroll());
    this.#newer.addEventListener("click", () => {
      this.#scrollToEnd();
      this.#list.focus();
    });
    // The list shrinks when a virtual keyboard opens: the newest message stays in sight.
    new ResizeObserver(() => this.#following && this.#scrollToEnd()).observe(this.#list);
  }

  get empty() {
    return this.#entries.length === 0 && this.#pending.empty;
  }

  /** The number of the oldest message shown, of those that count from the same beginning. */
  get oldest() {
    return this.#entries.slice(this.#start).find(({ seq }) => seq !== undefined)?.seq;
  }

  get full() {
    return this.#entries.length >= WHILE_READING;
  }

  /** Whether the reader sees the top, or nearly. */
  get topInReach() {
    return this.#list.scrollTop < TOP_REACH_PX;
  }

  show() {
    if (this.#following) this.#scrollToEnd();
    else this.#list.scrollTop = this.#place;
  }

  /** Shows the next message; the pending one of the same id becomes it. */
  append(message) {
    if (message.own) this.#pending.remove(message.id);
    if (message.type === "delete") {
      this.#showRemoved(message.deletes);
      this.note(tombstone(message), message.seq);
      return;
    }
    if (!this.#last?.continuesWith(message)) {
      this.#last = new MessageGroup(message);
      this.#first ??= this.#last;
      this.#past.append(this.#last.element);
    }
    const element = this.#render(message);
    this.#last.append(element, message.at);
    this.#add({ element, seq: message.seq });
    this.#follow(!message.own);
  }

  /** Shows messages of the past above the others, without moving what the reader looks at. */
  prepend(messages) {
    const fromEnd = this.#list.scrollHeight - this.#list.scrollTop;
    const entries = messages.map((message) => ({ element: this.#render(message), seq: message.seq }));
    for (let index = messages.length - 1; index >= 0; index -= 1) {
      this.#putFirst(messages[index], entries[index].element);
    }
    this.#entries.splice(this.#start, 0, ...entries);
    this.#pending.follow(this.#last);
    if (this.#following) this.#scrollToEnd();
    else this.#list.scrollTop = this.#list.scrollHeight - fromEnd;
  }

  /** Shows one's own message that has no number yet. */
  wait(message) {
    this.#pending.add(message);
    this.#pending.follow(this.#last);
    this.#scrollToEnd();
  }

  settle(id, seq) {
    this.#pending.settle(id, seq);
  }

  refuse(id, reason) {
    this.#pending.refuse(id, reason);
    this.#follow(true);
  }

  /** Shows a note; `seq` is its number, where it has one. */
  note(text, seq) {
    const element = make("p", "note", text);
    this.#past.append(element);
    this.#last = null;
    this.#add({ element, seq });
    this.#follow(false);
    return element;
  }

  /** Shows that the room has a new beginning; its past is shown below that. */
  beginAnew(text) {
    this.#beginning = this.note(text);
    this.#first = null;
  }

  /** Says what is above the oldest message. */
  edge(text) {
    this.#edge.textContent = text;
  }

  /** Index of the first entry that counts from the newest beginning. */
  get #start() {
    return this.#entries.findIndex(({ element }) => element === this.#beginning) + 1;
  }

  /** Makes the element of a message that has its number. */
  #render(message) {
    if (message.type === "delete") return make("p", "note", tombstone(message));
    const element = messageElement(message);
    if (message.type === "chat" && this.#moderates()) {
      const menu = make("button", "moderate");
      menu.type = "button";
      menu.ariaLabel = `Moderate this message of ${message.username}`;
      menu.addEventListener("click", () => this.#onModerate(message));
      element.append(menu);
    }
    return element;
  }

  /** Takes a message's text away; numbers count from the newest beginning. */
  #showRemoved(seq) {
    const entry = this.#entries.slice(this.#start).find((one) => one.seq === seq);
    if (entry?.element.matches(".message")) showRemoved(entry.element);
  }

  #putFirst(message, element) {
    if (message.type === "delete") {
      this.#putOnTop(element);
      this.#first = null;
      return;
    }
    if (!this.#first?.beginsWith(message)) {
      this.#first = new MessageGroup(message);
      this.#first.beSilent();
      this.#last ??= this.#first;
      this.#putOnTop(this.#first.element);
    }
    this.#first.prepend(element, message.at);
  }

  #putOnTop(element) {
    if (this.#beginning) this.#beginning.after(element);
    else this.#past.prepend(element);
  }

  #add(entry) {
    this.#entries.push(entry);
    this.#pending.follow(this.#last);
    this.#trim();
  }

  #trim() {
    const limit = this.#following ? AT_END : WHILE_READING;
    if (this.#entries.length <= limit) return;
    const fromEnd = this.#list.scrollHeight - this.#list.scrollTop;
    const dropped = this.#entries.splice(0, this.#entries.length - limit);
    for (const { element } of dropped) {
      const group = element.closest(".message-group");
      element.remove();
      if (group && !group.querySelector(".message")) group.remove();
      if (element === this.#beginning) this.#beginning = null;
    }
    if (!this.#first?.element.isConnected) this.#first = null;
    if (!this.#following) this.#list.scrollTop = this.#list.scrollHeight - fromEnd;
    this.#onTrim();
  }

  #follow(news) {
    if (this.#following) {
      this.#scrollToEnd();
    } else if (news) {
      this.#unread += 1;
      const messages = this.#unread === 1 ? "message" : "messages";
      this.#newer.textContent = `${this.#unread} new ${messages}`;
      this.#newer.hidden = false;
    }
  }

  #scrollToEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#noticeScroll();
  }

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#place = scrollTop;
    this.#following = scrollHeight - scrollTop - clientHeight < BOTTOM_SLACK_PX;
    if (this.#following) {
      this.#unread = 0;
      this.#newer.hidden = true;
      this.#trim();
    }
    if (scrollTop < TOP_REACH_PX) this.#onTop();
  }
}

/** Note that stands where somebody took a message away. */
function tombstone({ own, username }) {
  return own ? "You removed a message." : `${username} removed a message.`;
}
