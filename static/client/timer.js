// Timer that can be restarted.

/** @import { Clock } from "./fanfare.d.ts" */

/** @type {Clock} */
export const REAL_CLOCK = {
  now: () => Date.now(),
  setTimeout: (act, ms) => setTimeout(act, ms),
  clearTimeout: (id) => clearTimeout(id),
};

/** Calls `act` once, `ms` after its latest start. */
export class Timer {
  #clock;
  #act;
  /** @type {any} */
  #id = null;

  /**
   * @param {Clock} clock
   * @param {() => void} act
   */
  constructor(clock, act) {
    this.#clock = clock;
    this.#act = act;
  }

  get running() {
    return this.#id !== null;
  }

  /** @param {number} ms */
  start(ms) {
    this.stop();
    this.#id = this.#clock.setTimeout(() => {
      this.#id = null;
      this.#act();
    }, ms);
  }

  stop() {
    this.#clock.clearTimeout(this.#id);
    this.#id = null;
  }
}
