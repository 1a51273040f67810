// Reconnection: a new connection after a close, and before the gateway's limit of 2 hours.

import { Connection } from "./connection.js";
import { backoff, fraction } from "./random.js";
import { Timer } from "./timer.js";

/** @import { Clock, Random, SocketLike } from "./fanfare.d.ts" */
/** @import { Frame } from "./protocol.js" */

/** Age from which a connection counts as a success. */
const PROVEN_MS = 60_000;

// The gateway ends every connection after 2 hours.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const SUCCESSION_MS = 105 * 60_000;
const SUCCESSION_SPREAD_MS = 10 * 60_000;
const SUCCESSION_RETRY_MS = 60_000;

/**
 * Reconnects after every close but its own, and replaces each connection before it gets too old.
 *
 * Handlers:
 * - `ping()`: returns the ping frame
 * - `onUp(connection)`: a connection is open
 * - `onSuccessor(connection)`: a second one is open; `promote` it when it can take over
 * - `onDown()`: there is no connection any more
 * - `onFrame(frame, connection)`: from either connection
 * - `onChange()`: `current` or `retryAt` has changed
 */
export class Reconnector {
  #dial;
  #clock;
  #random;
  #handlers;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Connection | null} */
  #successor = null;
  #failures = 0;
  #retry;
  #succession;

  /** The connection to send on, null while there is none. @type {Connection | null} */
  current = null;

  /** Time of the next try (ms since 1970), null while none is planned. @type {number | null} */
  retryAt = null;

  /**
   * @param {() => SocketLike} dial
   * @param {{ clock: Clock, random: Random }} context
   * @param {{
   *   ping: () => Frame,
   *   onUp: (connection: Connection) => void,
   *   onSuccessor: (connection: Connection) => void,
   *   onDown: () => void,
   *   onFrame: (frame: Frame, connection: Connection) => void,
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

  /** The second connection, once it is open. */
  get successor() {
    return this.#successor?.open ? this.#successor : null;
  }

  open() {
    this.#retry.stop();
    this.retryAt = null;
    this.#connection = this.#connect((connection) => {
      this.current = connection;
      this.#planSuccession();
      this.#handlers.onUp(connection);
      this.#handlers.onChange();
    });
    this.#handlers.onChange();
  }

  close() {
    this.#retry.stop();
    this.retryAt = null;
    this.#lose();
    this.#connection?.close();
    this.#connection = null;
  }

  /** The network may have changed: ends a wait, or finds out whether the connection still lives. */
  check() {
    if (this.retryAt !== null) this.open();
    else this.current?.check();
  }

  /**
   * Lets the second connection take over from the first.
   *
   * @param {Connection} connection
   */
  promote(connection) {
    this.#connection?.close();
    this.#connection = this.current = connection;
    this.#successor = null;
    this.#planSuccession();
  }

  /** @param {(connection: Connection) => void} onOpen */
  #connect(onOpen) {
    return new Connection(this.#dial(), this.#clock, {
      onOpen,
      ping: this.#handlers.ping,
      onFrame: this.#handlers.onFrame,
      onEnd: (connection) => this.#end(connection),
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

  /** @param {Connection} connection */
  #end(connection) {
    if (connection === this.#successor) {
      this.#successor = null;
      return;
    }
    if (connection.age >= PROVEN_MS) this.#failures = 0;
    const delay = backoff(this.#failures, this.#random);
    this.#failures += 1;
    this.#connection = null;
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
