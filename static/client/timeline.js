// Timeline of a room: its messages, put in order.

/** @import { Message, Position } from "./fanfare.d.ts" */
/** @import { Frame } from "./protocol.js" */

/**
 * Effect of a frame:
 * - `deliver`: the next message, in order and for the first time
 * - `gap`: the messages `from` … `to` are no longer kept, or (`epoch`) the room was started anew
 * - `rejoin`: the room has another epoch than the one joined
 *
 * @typedef {{ kind: "deliver", message: Message }
 *   | { kind: "gap", reason: "expired", from: number, to: number }
 *   | { kind: "gap", reason: "epoch" }
 *   | { kind: "rejoin" }} Effect
 */

/**
 * A place in the room that is known to be taken, with the message where that is known too.
 *
 * @typedef {Position & { message: Message | null }} Entry
 */

/**
 * Ordering of frames: each message up to the position has been delivered, or told as a gap.
 *
 * The position never goes back. No clock and no connection here: tests try any order of frames.
 */
export class Timeline {
  /** @type {string | null} */
  #epoch = null;
  #frontier = 0;
  /** The room's last number when it was joined. */
  #target = 0;
  /** The highest number seen. */
  #seen = 0;
  /** @type {Map<number, Message>} */
  #held = new Map();
  /** Entries that came before the `joined` that tells their epoch. @type {Entry[]} */
  #strays = [];

  /** @param {Position | null} position from where to go on; null begins at the end */
  constructor(position) {
    if (position !== null) this.#begin(position);
  }

  /** @returns {Position | null} */
  get position() {
    return this.#epoch === null ? null : { epoch: this.#epoch, seq: this.#frontier };
  }

  /** Whether something is missing of what there was when the room was joined. */
  get behind() {
    return this.#frontier < this.#target;
  }

  /** Whether something is missing before what has been seen. */
  get hole() {
    return this.#frontier < this.#seen;
  }

  /**
   * Takes a live message or an ack.
   *
   * @param {Entry} entry
   * @returns {Effect[]}
   */
  receive(entry) {
    if (entry.epoch !== this.#epoch) {
      this.#strays.push(entry);
      return this.#epoch === null ? [] : [{ kind: "rejoin" }];
    }
    this.#hold(entry);
    return this.#drain();
  }

  /**
   * Takes the answer to `join`.
   *
   * @param {Frame} frame
   * @param {Message[]} messages the frame's
   * @param {Position | null} asked the position that the request named
   * @returns {Effect[]}
   */
  joined({ epoch, seq, reason }, messages, asked) {
    /** @type {Effect[]} */
    const effects = [];
    const anew = epoch !== this.#epoch || (reason === "epoch" && asked?.epoch === epoch);
    if (anew) {
      if (this.#epoch !== null) effects.push({ kind: "gap", reason: "epoch" });
      this.#begin({ epoch, seq });
    }
    this.#target = Math.max(this.#target, seq);
    this.#seen = Math.max(this.#seen, seq);
    for (const message of messages) this.#hold({ ...message, message });
    for (const stray of this.#strays) if (stray.epoch === epoch) this.#hold(stray);
    this.#strays = [];
    if (reason === "expired") effects.push(...this.#closeUpTo(messages.at(-1)?.seq ?? seq));
    return [...effects, ...this.#drain()];
  }

  /**
   * Takes the answer to `history` with `after`: what it leaves out is no longer kept.
   *
   * @param {string} epoch the answer's
   * @param {Message[]} messages
   * @returns {Effect[]}
   */
  page(epoch, messages) {
    if (epoch !== this.#epoch) return [{ kind: "rejoin" }];
    for (const message of messages) this.#hold({ ...message, message });
    return this.#closeUpTo(messages.at(-1)?.seq ?? 0);
  }

  /** @param {Position} position */
  #begin({ epoch, seq }) {
    this.#epoch = epoch;
    this.#frontier = this.#target = this.#seen = seq;
    this.#held.clear();
  }

  /** @param {Entry} entry */
  #hold({ seq, message }) {
    this.#seen = Math.max(this.#seen, seq);
    if (message !== null && seq > this.#frontier) this.#held.set(seq, message);
  }

  /** @returns {Effect[]} */
  #drain() {
    /** @type {Effect[]} */
    const effects = [];
    for (;;) {
      const message = this.#held.get(this.#frontier + 1);
      if (message === undefined) return effects;
      this.#frontier += 1;
      this.#held.delete(this.#frontier);
      effects.push({ kind: "deliver", message });
    }
  }

  /**
   * Gives up what is missing up to a number.
   *
   * @param {number} last
   * @returns {Effect[]}
   */
  #closeUpTo(last) {
    const effects = this.#drain();
    while (this.#frontier < last) {
      const from = this.#frontier + 1;
      while (this.#frontier < last && !this.#held.has(this.#frontier + 1)) this.#frontier += 1;
      effects.push({ kind: "gap", reason: "expired", from, to: this.#frontier });
      effects.push(...this.#drain());
    }
    return effects;
  }
}
