// One's own messages until they are settled.

import { FanfareError } from "./errors.js";

/** @import { Keep } from "./persistence.js" */

/**
 * @typedef {object} Unsettled
 * @property {string} room
 * @property {string} id
 * @property {string} text
 * @property {number} at when it was written, in milliseconds since 1970
 * @property {boolean} tried whether it may have been sent before
 * @property {(place: { seq: number, epoch: string }) => void} resolve
 * @property {(error: FanfareError) => void} reject
 */

const LIMIT = 200;
const NAME = "unsettled";
const nobody = () => {};

/** A bounded queue, oldest first, that a reload does not lose. */
export class Outbox {
  #keep;
  /** @type {Unsettled[]} */
  #messages;

  /** @param {Keep} keep */
  constructor(keep) {
    this.#keep = keep;
    // Whether these went out before the page was left cannot be known, so they are repetitions.
    const more = { tried: true, resolve: nobody, reject: nobody };
    this.#messages = keep.read(NAME, []).map((/** @type {object} */ kept) => ({ ...kept, ...more }));
  }

  /**
   * @param {Unsettled} message
   * @throws {FanfareError} `queue_full`
   */
  add(message) {
    if (this.#messages.length >= LIMIT) {
      const reason = `${LIMIT} messages are waiting to be sent already. Send this one again later.`;
      throw new FanfareError("queue_full", reason);
    }
    this.#messages.push(message);
    this.#save();
  }

  /** @param {string} room */
  of(room) {
    return this.#messages.filter((message) => message.room === room);
  }

  /**
   * @param {string} room
   * @param {string} id
   */
  find(room, id) {
    return this.#messages.find((message) => message.id === id && message.room === room);
  }

  /** @param {Unsettled} message */
  remove(message) {
    this.#messages = this.#messages.filter((other) => other !== message);
    this.#save();
  }

  /**
   * Ends the promises, and keeps the messages for the next client with the same storage.
   *
   * @param {FanfareError} error
   */
  close(error) {
    for (const { reject } of this.#messages) reject(error);
  }

  #save() {
    const kept = this.#messages.map(({ room, id, text, at }) => ({ room, id, text, at }));
    this.#keep.write(NAME, kept);
  }
}
