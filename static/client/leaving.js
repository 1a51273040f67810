// The question to be let out of a room.

import { Timer } from "./timer.js";

/** @import { Clock } from "./timer.js" */
/** @import { Frame } from "./protocol.js" */

const ANSWER_MS = 10_000;
const PAUSE_SECONDS = 1;

/**
 * Knows the rooms whose `left` has not come, and calls `onSilence` when one is overdue.
 *
 * It is not asked again then: the first `leave` might be carried out after a `join` that follows.
 */
export class Leaving {
  #clock;
  #send;
  #onSilence;
  /** @type {Map<string, Timer>} */
  #timers = new Map();

  /**
   * @param {Clock} clock
   * @param {(frame: Frame) => boolean} send
   * @param {(name: string) => void} onSilence
   */
  constructor(clock, send, onSilence) {
    this.#clock = clock;
    this.#send = send;
    this.#onSilence = onSilence;
  }

  get names() {
    return [...this.#timers.keys()];
  }

  /** @param {string} name */
  has(name) {
    return this.#timers.has(name);
  }

  /** @param {string} name */
  ask(name) {
    this.end(name);
    if (!this.#send({ action: "leave", room: name })) return;
    this.#wait(name, ANSWER_MS, () => this.#onSilence(name));
  }

  /**
   * Asks again after a pause, since it was refused for now.
   *
   * @param {string} name
   * @param {number} [seconds] how long, where the server knows
   */
  askLater(name, seconds = PAUSE_SECONDS) {
    if (this.end(name)) this.#wait(name, seconds * 1_000, () => this.ask(name));
  }

  /**
   * @param {string} name
   * @returns {boolean} whether it was waited for
   */
  end(name) {
    this.#timers.get(name)?.stop();
    return this.#timers.delete(name);
  }

  clear() {
    for (const name of this.names) this.end(name);
  }

  /**
   * @param {string} name
   * @param {number} ms
   * @param {() => void} act
   */
  #wait(name, ms, act) {
    const timer = new Timer(this.#clock, act);
    timer.start(ms);
    this.#timers.set(name, timer);
  }
}
