// The succession of tokens that a connection lives by.

/** @import { Link } from "./connection.js" */
/** @import { Clock } from "./timer.js" */

/** A link warns with every answer, and the application may have no newer token yet. */
const PAUSE_MS = 30_000;

/** Answers a link's warning that its token ends soon with a new one. */
export class Renewal {
  #token;
  #clock;
  #onFailure;
  /** When each may be answered again. @type {WeakMap<Link, number>} */
  #next = new WeakMap();

  /**
   * @param {() => string | Promise<string>} token
   * @param {Clock} clock
   * @param {(error: Error) => void} onFailure is told why there is no token
   */
  constructor(token, clock, onFailure) {
    this.#token = token;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** @param {Link} link */
  async answer(link) {
    const now = this.#clock.now();
    if (now < (this.#next.get(link) ?? 0)) return;
    this.#next.set(link, now + PAUSE_MS);
    try {
      link.send({ action: "renew", token: await this.#token() });
    } catch (error) {
      this.#onFailure(/** @type {Error} */ (error));
    }
  }
}
