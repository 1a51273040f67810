// Persistence of the session, the rooms' positions and the unsettled messages.

/** @import { StorageLike } from "./fanfare.d.ts" */

/** Named values, as JSON, in a storage; each server has its own. */
export class Persistence {
  #storage;
  #prefix;

  /**
   * @param {StorageLike | null} storage null stores nothing
   * @param {string} url of the server
   */
  constructor(storage, url) {
    this.#storage = storage;
    this.#prefix = `fanfare ${url} `;
  }

  /**
   * @param {string} name
   * @param {any} otherwise returned when there is none that can be read
   * @returns {any}
   */
  read(name, otherwise) {
    try {
      return JSON.parse(this.#storage?.getItem(this.#prefix + name) ?? "null") ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  write(name, value) {
    try {
      this.#storage?.setItem(this.#prefix + name, JSON.stringify(value));
    } catch {
      // A storage that is full or forbidden costs a reload its past, not the chat.
    }
  }
}
