// Requests for a room's history and members.

import { ANSWER_MS } from "./protocol.js";
import { Timer } from "./timer.js";

/** @import { Connection } from "./connection.js" */
/** @import { Clock } from "./fanfare.d.ts" */
/** @import { FanfareError, Frame } from "./protocol.js" */

const HISTORY_PAGE = 100;

/**
 * @typedef {object} Request
 * @property {Frame} frame
 * @property {(answer: Frame) => boolean} fits
 * @property {(answer: Frame) => void} resolve
 * @property {(error: FanfareError) => void} reject
 */

/** History and member requests of one room. */
export class RoomRequests {
  #room;
  /** By action, which is also the type of the answer. @type {Record<string, RequestQueue>} */
  #queues;

  /**
   * @param {string} room
   * @param {Clock} clock
   */
  constructor(room, clock) {
    this.#room = room;
    this.#queues = { history: new RequestQueue(clock), who: new RequestQueue(clock) };
  }

  /**
   * The newest messages, below `before` where that is given.
   *
   * @param {{ before?: number, limit?: number }} page
   */
  historyBefore({ before = Infinity, limit = 50 }) {
    // JSON knows no Infinity, and `undefined` leaves the field out.
    const field = Number.isFinite(before) ? before : undefined;
    const frame = { action: "history", room: this.#room, before: field, limit };
    return this.#queues.history.send(frame, every((seq) => seq < before));
  }

  /**
   * The oldest messages above `after`, before any other request.
   *
   * @param {number} after
   */
  historyAfter(after) {
    const frame = { action: "history", room: this.#room, after, limit: HISTORY_PAGE };
    return this.#queues.history.send(frame, every((seq) => seq > after), true);
  }

  /** @param {string} [next] */
  who(next) {
    return this.#queues.who.send({ action: "who", room: this.#room, next }, () => true);
  }

  /** @param {Connection} connection */
  attach(connection) {
    for (const queue of Object.values(this.#queues)) queue.attach(connection);
  }

  detach() {
    for (const queue of Object.values(this.#queues)) queue.detach();
  }

  /** @param {FanfareError} error */
  end(error) {
    for (const queue of Object.values(this.#queues)) queue.end(error);
  }

  /** @param {Frame} frame a `history` or a `who` */
  answer(frame) {
    this.#queues[frame.type].answer(frame);
  }

  /**
   * @param {string} action
   * @param {FanfareError} error
   * @returns {boolean} whether the action is one of these requests
   */
  refuse(action, error) {
    if (!Object.hasOwn(this.#queues, action)) return false;
    this.#queues[action].refuse(error);
    return true;
  }
}

/**
 * Requests of one kind, sent one after the other, since an answer does not name its request.
 *
 * A late answer could be taken for the next request's, so a connection that owes one is ended.
 */
class RequestQueue {
  /** @type {Request[]} */
  #pending = [];
  /** @type {Connection | null} */
  #connection = null;
  /** Whether the first one has been sent. */
  #sent = false;
  #timeout;

  /** @param {Clock} clock */
  constructor(clock) {
    this.#timeout = new Timer(clock, () => this.#connection?.end());
  }

  /**
   * @param {Frame} frame
   * @param {(answer: Frame) => boolean} fits whether an answer can be meant
   * @param {boolean} [first] whether it goes before those that wait
   * @returns {Promise<Frame>}
   */
  send(frame, fits, first = false) {
    return new Promise((resolve, reject) => {
      const at = first ? Number(this.#sent) : this.#pending.length;
      this.#pending.splice(at, 0, { frame, fits, resolve, reject });
      this.#sendNext();
    });
  }

  /**
   * Goes on over a connection, on which nothing has been requested.
   *
   * @param {Connection} connection
   */
  attach(connection) {
    if (connection === this.#connection) return;
    this.detach();
    this.#connection = connection;
    this.#sendNext();
  }

  detach() {
    this.#connection = null;
    this.#sent = false;
    this.#timeout.stop();
  }

  /** @param {Frame} frame */
  answer(frame) {
    if (this.#sent && this.#pending[0].fits(frame)) this.#settle()?.resolve(frame);
    this.#sendNext();
  }

  /** @param {FanfareError} error */
  refuse(error) {
    if (this.#sent) this.#settle()?.reject(error);
    this.#sendNext();
  }

  /** @param {FanfareError} error */
  end(error) {
    this.detach();
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  #settle() {
    this.#sent = false;
    this.#timeout.stop();
    return this.#pending.shift();
  }

  #sendNext() {
    if (this.#sent || this.#connection === null || this.#pending.length === 0) return;
    this.#sent = this.#connection.send(this.#pending[0].frame);
    if (this.#sent) this.#timeout.start(ANSWER_MS);
  }
}

/**
 * @param {(seq: number) => boolean} holds
 * @returns {(answer: Frame) => boolean} whether it holds for the number of each message
 */
function every(holds) {
  return ({ messages }) => messages.every((/** @type {Frame} */ { seq }) => holds(seq));
}
