// The succession of links that makes one lasting connection.

import { Link } from "./connection.js";
import { Timer } from "./timer.js";
import { backoff, fraction } from "./protocol.js";

/** @import { SocketLike } from "./connection.js" */
/** @import { Clock } from "./timer.js" */
/** @import { Frame, Random } from "./protocol.js" */

/** A link that held for so long was a good one. */
const PROVEN_MS = 60_000;

// The gateway ends every connection after 2 hours.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const SUCCESSION_MS = 105 * 60_000;
const SUCCESSION_SPREAD_MS = 10 * 60_000;
const SUCCESSION_RETRY_MS = 60_000;

/**
 * Comes back by itself after every close that nobody here wanted, and replaces its link in time.
 *
 * Its handlers:
 * - `ping()`: returns the frame that asks for a sign of life
 * - `onUp(link)`: there is a link again
 * - `onSuccessor(link)`: a second link is open; `promote` it when it can take over
 * - `onDown()`: there is none any more
 * - `onFrame(frame, link)`: from either link
 * - `onChange()`: `open` or `retryAt` has changed
 */
export class Connection {
  #dial;
  #clock;
  #random;
  #handlers;
  /** @type {Link | null} */
  #link = null;
  /** @type {Link | null} */
  #successor = null;
  #failures = 0;
  #retry;
  #succession;

  /** The link to send on, null while there is none. @type {Link | null} */
  current = null;

  /** When the next try is due (ms since 1970), null while none is waited for. @type {number | null} */
  retryAt = null;

  /**
   * @param {() => SocketLike} dial
   * @param {{ clock: Clock, random: Random }} world
   * @param {{
   *   ping: () => Frame,
   *   onUp: (link: Link) => void,
   *   onSuccessor: (link: Link) => void,
   *   onDown: () => void,
   *   onFrame: (frame: Frame, link: Link) => void,
   *   onChange: () => void,
   * }} handlers
   */
  constructor(dial, { clock, random }, handlers) {
    this.#dial = dial;
    this.#clock = clock;
    this.#random = random;
    this.#handlers = handlers;
    this.#retry = new Timer(clock, () => this.open());
    this.#succession = new Timer(clock, () => this.#openSuccessor());
  }

  /** The second link, once it is open. */
  get successor() {
    return this.#successor?.open ? this.#successor : null;
  }

  open() {
    this.#retry.stop();
    this.retryAt = null;
    this.#link = this.#connect((link) => {
      this.current = link;
      this.#planSuccession();
      this.#handlers.onUp(link);
      this.#handlers.onChange();
    });
    this.#handlers.onChange();
  }

  close() {
    this.#retry.stop();
    this.retryAt = null;
    this.#lose();
    this.#link?.close();
    this.#link = null;
  }

  /** The network may have changed: ends a wait, or finds out whether the link still lives. */
  check() {
    if (this.retryAt !== null) this.open();
    else this.current?.check();
  }

  /**
   * Lets the second link take over from the first.
   *
   * @param {Link} link
   */
  promote(link) {
    this.#link?.close();
    this.#link = this.current = link;
    this.#successor = null;
    this.#planSuccession();
  }

  /** @param {(link: Link) => void} onOpen */
  #connect(onOpen) {
    return new Link(this.#dial(), this.#clock, {
      onOpen,
      ping: this.#handlers.ping,
      onFrame: this.#handlers.onFrame,
      onEnd: (link) => this.#end(link),
    });
  }

  #planSuccession() {
    this.#succession.start(SUCCESSION_MS + fraction(this.#random) * SUCCESSION_SPREAD_MS);
  }

  #openSuccessor() {
    this.#successor?.close();
    this.#succession.start(SUCCESSION_RETRY_MS);
    this.#successor = this.#connect(this.#handlers.onSuccessor);
  }

  /** @param {Link} link */
  #end(link) {
    if (link === this.#successor) {
      this.#successor = null;
      return;
    }
    if (link.age >= PROVEN_MS) this.#failures = 0;
    const delay = backoff(this.#failures, this.#random);
    this.#failures += 1;
    this.#link = null;
    this.#lose();
    this.retryAt = this.#clock.now() + delay;
    this.#retry.start(delay);
    this.#handlers.onChange();
  }

  #lose() {
    this.#succession.stop();
    this.#successor?.close();
    this.#successor = null;
    if (this.current === null) return;
    this.current = null;
    this.#handlers.onDown();
  }
}
