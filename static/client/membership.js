// Join and leave requests: sent, repeated, timed out.

import { ANSWER_MS } from "./protocol.js";
import { backoff } from "./random.js";
import { Timer } from "./timer.js";

/** @import { Connection } from "./connection.js" */
/** @import { Clock, Position, Random } from "./fanfare.d.ts" */
/** @import { Frame } from "./protocol.js" */

const LEAVE_RETRY_SECONDS = 1;

/** Join requests of one room, one for each connection; calls `onDue` when the next one is due. */
export class JoinRequests {
  #room;
  #random;
  #due;
  #failures = 0;
  #paused = false;
  /** The position that each one named. @type {Map<Connection, Position | null>} */
  #pending = new Map();

  /**
   * @param {string} room
   * @param {{ clock: Clock, random: Random }} context
   * @param {() => void} onDue
   */
  constructor(room, { clock, random }, onDue) {
    this.#room = room;
    this.#random = random;
    this.#due = new Timer(clock, onDue);
  }

  /** Whether it waits before the next request. */
  get paused() {
    return this.#paused;
  }

  /** Whether any request has no answer. */
  get pending() {
    return this.#pending.size > 0;
  }

  /** @param {Connection} connection */
  awaits(connection) {
    return this.#pending.has(connection);
  }

  /**
   * @param {Connection} connection
   * @param {Position | null} position
   */
  send(connection, position) {
    const since = position && { since: position.seq, epoch: position.epoch };
    this.#pending.set(connection, position);
    connection.send({ action: "join", room: this.#room, ...since });
  }

  /** Has `onDue` called if no answer comes. */
  startTimeout() {
    this.#due.start(ANSWER_MS);
  }

  /**
   * Ends the request of a connection, which has been answered.
   *
   * @param {Connection} connection
   * @returns {Position | null | undefined} the position it named, undefined when there was none
   */
  settle(connection) {
    const position = this.#pending.get(connection);
    this.#pending.delete(connection);
    return position;
  }

  /**
   * Has `onDue` called after a pause, which grows from one to the next.
   *
   * @param {number} [seconds] how long at least, where the server knows: not all rooms may come
   *   back in the first moment that one of them is let in
   */
  pause(seconds = 0) {
    this.#paused = true;
    this.#due.start(seconds * 1_000 + backoff(this.#failures, this.#random));
    this.#failures += 1;
  }

  /** Ends the growth of pauses. */
  resetBackoff() {
    this.#failures = 0;
  }

  stop() {
    this.#paused = false;
    this.#due.stop();
  }

  clear() {
    this.stop();
    this.#pending.clear();
  }
}

/**
 * Leave requests of all rooms; calls `onTimeout` when an answer is overdue.
 *
 * The request is not repeated then: the first one might be carried out after a `join` that follows.
 */
export class LeaveRequests {
  #clock;
  #send;
  #onTimeout;
  /** @type {Map<string, Timer>} */
  #timers = new Map();

  /**
   * @param {Clock} clock
   * @param {(frame: Frame) => boolean} send
   * @param {(room: string) => void} onTimeout
   */
  constructor(clock, send, onTimeout) {
    this.#clock = clock;
    this.#send = send;
    this.#onTimeout = onTimeout;
  }

  /** Names of the rooms that are being left. */
  get rooms() {
    return [...this.#timers.keys()];
  }

  /** @param {string} room */
  has(room) {
    return this.#timers.has(room);
  }

  /** @param {string} room */
  send(room) {
    this.settle(room);
    if (!this.#send({ action: "leave", room })) return;
    this.#wait(room, ANSWER_MS, () => this.#onTimeout(room));
  }

  /**
   * Repeats a request that was refused for now.
   *
   * @param {string} room
   * @param {number} [seconds] how long to wait, where the server knows
   */
  repeat(room, seconds = LEAVE_RETRY_SECONDS) {
    if (this.settle(room)) this.#wait(room, seconds * 1_000, () => this.send(room));
  }

  /**
   * @param {string} room
   * @returns {boolean} whether there was a request
   */
  settle(room) {
    this.#timers.get(room)?.stop();
    return this.#timers.delete(room);
  }

  clear() {
    for (const room of this.rooms) this.settle(room);
  }

  /**
   * @param {string} room
   * @param {number} ms
   * @param {() => void} act
   */
  #wait(room, ms, act) {
    const timer = new Timer(this.#clock, act);
    timer.start(ms);
    this.#timers.set(room, timer);
  }
}
