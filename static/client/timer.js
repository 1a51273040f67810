// One timer that can be restarted.

/**
 * Where time comes from; `window` and Node's globals have this shape, but for `now`.
 *
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since 1970
 * @property {(act: () => void, ms: number) => any} setTimeout
 * @property {(id: any) => void} clearTimeout
 */

/** @type {Clock} */
export const REAL_CLOCK = {
  now: () => Date.now(),
  setTimeout: (act, ms) => setTimeout(act, ms),
  clearTimeout: (id) => clearTimeout(id),
};

/** Calls `act` once, some time after it was started last. */
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
