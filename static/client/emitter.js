// Events and those who listen to them.

/** @typedef {(detail: any) => void} Listener */

/** Calls listeners in the order of their coming. */
export class Emitter {
  /** @type {Map<string, Set<Listener>>} */
  #listeners = new Map();

  /**
   * @param {string} type
   * @param {Listener} listener
   * @returns {() => void} what ends the listening
   */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  emit(type, detail) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        // A listener's fault is reported as such, and does not disturb the order of things here.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
