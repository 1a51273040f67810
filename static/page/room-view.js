// One room on the page.

import { Log } from "./message-list.js";
import { People } from "./members.js";
import { Typists } from "./typing.js";

const PAGE = 50;
const WHO_PAGES = 2;

// Who comes is in the members that are read, and told of in a presence right after.
const WHO_DELAY_MS = 300;

/**
 * What is shown of a room, and what is read of it to be shown.
 *
 * `onChange()` is called when anything outside of the log is to be shown anew, `onEdit(text)` when
 * a refused message is taken back, `onModerate(message)` when a moderator wants to act on one.
 */
export class View {
  unread = 0;
  people = new People();
  #room = null;
  #log;
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
      this.#quiet.hidden = this.#more || !this.#log.empty;
      onChange();
    };
    const onTop = () => this.#readPast();
    const onTrim = () => this.#expectPast();
    const moderates = () => this.moderator;
    this.#log = new Log(this.element, { onTop, onTrim, onEdit, onModerate, moderates });
    this.typists = new Typists(this.#onChange);
  }

  get moderator() {
    return this.#room?.moderator ?? false;
  }

  /** Takes a room that has been asked for; it may not be joined yet. */
  attach(room) {
    this.#room = room;
    for (const message of room.unsettled) this.#log.wait(message);
  }

  /** The room has been joined. */
  ready() {
    this.#readPast();
    this.readMembers();
  }

  show() {
    this.element.hidden = false;
    this.unread = 0;
    this.#log.show();
    this.readMembers();
  }

  hide() {
    this.element.hidden = true;
  }

  message(message, seen) {
    this.typists.stop(message.userId);
    this.#log.append(message);
    if (!message.own && !seen && message.type !== "delete") this.unread += 1;
    this.#onChange();
  }

  sent(message) {
    this.#log.wait(message);
    this.#onChange();
  }

  settled({ id, seq, error }) {
    if (error) this.#log.refuse(id, error.message);
    else this.#log.settle(id, seq);
  }

  gap({ reason, from, to }) {
    if (reason === "epoch") {
      this.#log.beginAnew("The room was started anew. Messages between may be missing.");
      this.#expectPast();
      this.#readPast();
    } else {
      const many = to - from + 1;
      const messages = many === 1 ? "1 message" : `${many.toLocaleString()} messages`;
      this.#log.note(`${messages} between are no longer kept.`);
    }
    this.#onChange();
  }

  note(text) {
    this.#log.note(text);
    this.#onChange();
  }

  presence(presence) {
    // Names that do not add up are read again; those of hidden rooms when they are shown.
    if (!this.people.change(presence) && !this.element.hidden) this.readMembers();
    for (const { userId } of presence.left) this.typists.stop(userId);
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
    this.people.set(members, this.#room.members);
    this.#onChange();
  }

  #expectPast() {
    this.#more = true;
    this.#log.edge("");
  }

  /** Whether it goes above the oldest one; a room that was started anew has another past. */
  #isPast({ epoch, seq }) {
    const { oldest = Infinity } = this.#log;
    return seq < oldest && epoch === this.#room.position.epoch;
  }

  async #readPast() {
    const room = this.#room;
    if (this.#reading || !this.#more || this.#log.full || !room?.position) return;
    this.#reading = true;
    this.#log.edge("Reading older messages…");
    try {
      const before = this.#log.oldest ?? room.position.seq + 1;
      const page = before > 1 ? await room.history({ before, limit: PAGE }) : { messages: [] };
      this.#log.prepend(page.messages.filter((message) => this.#isPast(message)));
      this.#more = page.more ?? false;
      this.#log.edge(this.#more ? "" : this.#describeEdge());
    } catch {
      this.#log.edge("Older messages could not be read. Scroll up to try again.");
      return;
    } finally {
      this.#reading = false;
    }
    this.#onChange();
    if (!this.element.hidden && this.#log.topInReach) this.#readPast();
  }

  #describeEdge() {
    const { oldest } = this.#log;
    if (oldest === undefined) return "";
    return oldest === 1 ? "The room begins here." : "Older messages are no longer kept.";
  }
}
