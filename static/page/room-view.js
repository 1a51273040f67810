// Room view: one room on the page.

import { MessageList } from "./message-list.js";
import { Members } from "./members.js";
import { TypingUsers } from "./typing.js";

const PAGE = 50;
const WHO_PAGES = 2;

// The presence of somebody new follows right after; the members that are read hold them already.
const WHO_DELAY_MS = 300;

/**
 * Shows a room, and reads its past and its members.
 *
 * `onChange()` is called when anything but the messages has changed, `onEdit(text)` when a refused
 * message is taken back, `onModerate(message)` when a moderator wants to act on one.
 */
export class RoomView {
  unread = 0;
  members = new Members();
  #room = null;
  #messages;
  #quiet;
  #reading = false;
  #readingMembers = null;
  #more = true;
  #onChange;

  constructor(name, template, { onChange, onEdit, onModerate }) {
    this.name = name;
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.hidden = true;
    this.#quiet = this.element.querySelector(".quiet");
    this.#onChange = () => {
      this.#quiet.hidden = this.#more || !this.#messages.empty;
      onChange();
    };
    this.#messages = new MessageList(this.element, {
      onTop: () => this.#readPast(),
      onTrim: () => this.#expectPast(),
      onEdit,
      onModerate,
      moderates: () => this.moderator,
    });
    this.typingUsers = new TypingUsers(this.#onChange);
  }

  get moderator() {
    return this.#room?.moderator ?? false;
  }

  /** Takes a room that has been asked for; it may not be joined yet. */
  attach(room) {
    this.#room = room;
    for (const message of room.unsettled) this.#messages.wait(message);
  }

  /** The room has been joined. */
  ready() {
    this.#readPast();
    this.readMembers();
  }

  show() {
    this.element.hidden = false;
    this.unread = 0;
    this.#messages.show();
    this.readMembers();
  }

  hide() {
    this.element.hidden = true;
  }

  message(message, seen) {
    this.typingUsers.stop(message.userId);
    this.#messages.append(message);
    if (!message.own && !seen && message.type !== "delete") this.unread += 1;
    this.#onChange();
  }

  sent(message) {
    this.#messages.wait(message);
    this.#onChange();
  }

  settled({ id, seq, error }) {
    if (error) this.#messages.refuse(id, error.message);
    else this.#messages.settle(id, seq);
  }

  gap({ reason, from, to }) {
    if (reason === "epoch") {
      this.#messages.beginAnew("The room was started anew. Messages between may be missing.");
      this.#expectPast();
      this.#readPast();
    } else {
      const many = to - from + 1;
      const messages = many === 1 ? "1 message" : `${many.toLocaleString()} messages`;
      this.#messages.note(`${messages} between are no longer kept.`);
    }
    this.#onChange();
  }

  note(text) {
    this.#messages.note(text);
    this.#onChange();
  }

  presence(presence) {
    // Names that do not add up are read again; those of hidden rooms when they are shown.
    if (!this.members.change(presence) && !this.element.hidden) this.readMembers();
    for (const { userId } of presence.left) this.typingUsers.stop(userId);
    this.#onChange();
  }

  /** Reads the members' names, once for all who want that at about the same time. */
  readMembers() {
    this.#readingMembers ??= setTimeout(() => this.#readMembers(), WHO_DELAY_MS);
  }

  async #readMembers() {
    this.#readingMembers = null;
    if (!this.#room?.complete) return;
    const members = [];
    let next;
    try {
      for (let pages = 0; pages < WHO_PAGES; pages += 1) {
        const page = await this.#room.who(next);
        members.push(...page.members);
        next = page.next;
        if (next === undefined) break;
      }
    } catch {
      return; // The next presence or show asks again.
    }
    this.members.set(members, this.#room.members);
    this.#onChange();
  }

  #expectPast() {
    this.#more = true;
    this.#messages.edge("");
  }

  /** Whether a message goes above the oldest one; a room that was started anew has another past. */
  #isPast({ epoch, seq }) {
    const { oldest = Infinity } = this.#messages;
    return seq < oldest && epoch === this.#room.position.epoch;
  }

  async #readPast() {
    const room = this.#room;
    if (this.#reading || !this.#more || this.#messages.full || !room?.position) return;
    this.#reading = true;
    this.#messages.edge("Reading older messages…");
    try {
      const before = this.#messages.oldest ?? room.position.seq + 1;
      const page = before > 1 ? await room.history({ before, limit: PAGE }) : { messages: [] };
      this.#messages.prepend(page.messages.filter((message) => this.#isPast(message)));
      this.#more = page.more ?? false;
      this.#messages.edge(this.#more ? "" : this.#describeEdge());
    } catch {
      this.#messages.edge("Older messages could not be read. Scroll up to try again.");
      return;
    } finally {
      this.#reading = false;
    }
    this.#onChange();
    if (!this.element.hidden && this.#messages.topInReach) this.#readPast();
  }

  #describeEdge() {
    const { oldest } = this.#messages;
    if (oldest === undefined) return "";
    return oldest === 1 ? "The room begins here." : "Older messages are no longer kept.";
  }
}
