// The question to be let into a room.

import { Timer } from "./timer.js";
import { backoff } from "./protocol.js";

/** @import { Link } from "./connection.js" */
/** @import { Clock } from "./timer.js" */
/** @import { Position, Random } from "./protocol.js" */

const ANSWER_MS = 10_000;

/** Knows which joins have no answer, and calls `onDue` when it is time for the next one. */
export class Admission {
  #room;
  #random;
  #due;
  #failures = 0;
  #paused = false;
  /** With the position that each named. @type {Map<Link, Position | null>} */
  #open = new Map();

  /**
   * @param {string} room
   * @param {{ clock: Clock, random: Random }} world
   * @param {() => void} onDue
   */
  constructor(room, { clock, random }, onDue) {
    this.#room = room;
    this.#random = random;
    this.#due = new Timer(clock, onDue);
  }

  /** Whether it waits before it asks again. */
  get paused() {
    return this.#paused;
  }

  /** Whether any question is open. */
  get open() {
    return this.#open.size > 0;
  }

  /** @param {Link} link */
  awaits(link) {
    return this.#open.has(link);
  }

  /**
   * @param {Link} link
   * @param {Position | null} position
   */
  ask(link, position) {
    const since = position && { since: position.seq, epoch: position.epoch };
    this.#open.set(link, position);
    link.send({ action: "join", room: this.#room, ...since });
  }

  /** Has `onDue` called if no answer comes. */
  expect() {
    this.#due.start(ANSWER_MS);
  }

  /**
   * Takes the answer that came on a link.
   *
   * @param {Link} link
   * @returns {Position | null | undefined} what the question named, undefined when there was none
   */
  answered(link) {
    const asked = this.#open.get(link);
    this.#open.delete(link);
    return asked;
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
  succeed() {
    this.#failures = 0;
  }

  stop() {
    this.#paused = false;
    this.#due.stop();
  }

  forget() {
    this.stop();
    this.#open.clear();
  }
}
