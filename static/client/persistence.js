// What outlives a page: the session, the rooms' positions, the unsettled messages.

/**
 * The part of the Web Storage API that is used.
 *
 * @typedef {Pick<Storage, "getItem" | "setItem">} Keeper
 */

/** Named values, as JSON, in a storage; each server has its own. */
export class Keep {
  #storage;
  #prefix;

  /**
   * @param {Keeper | null} storage null keeps nothing
   * @param {string} url of the server
   */
  constructor(storage, url) {
    this.#storage = storage;
    this.#prefix = `fanfare ${url} `;
  }

  /**
   * @param {string} name
   * @param {any} otherwise what to return when there is none that can be read
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
      // Full, or forbidden since: chat goes on, and only a reload will find less.
    }
  }
}
