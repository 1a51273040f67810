// Renewal of the token that a connection lives by.

/** @import { Connection } from "./connection.js" */
/** @import { Clock } from "./fanfare.d.ts" */

// The server warns with every answer, and the application may have no newer token yet.
const PAUSE_MS = 30_000;

/** Sends a new token when the server warns that a connection's token ends soon. */
export class TokenRenewal {
  #token;
  #clock;
  #onFailure;
  /** Earliest time of each connection's next renewal. @type {WeakMap<Connection, number>} */
  #next = new WeakMap();

  /**
   * @param {() => string | Promise<string>} token
   * @param {Clock} clock
   * @param {(error: Error) => void} onFailure called when there is no token
   */
  constructor(token, clock, onFailure) {
    this.#token = token;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** @param {Connection} connection */
  async answer(connection) {
    const now = this.#clock.now();
    if (now < (this.#next.get(connection) ?? 0)) return;
    this.#next.set(connection, now + PAUSE_MS);
    try {
      connection.send({ action: "renew", token: await this.#token() });
    } catch (error) {
      this.#onFailure(/** @type {Error} */ (error));
    }
  }
}
