// One connection: a WebSocket from its opening to its end, and its keep-alive.

import { Timer } from "./timer.js";

/** @import { Clock, SocketLike } from "./fanfare.d.ts" */
/** @import { Frame } from "./protocol.js" */

// The gateway waits 29 s for the function that lets a client in.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const OPENING_MS = 30_000;

// It closes connections that are idle for 10 minutes, and never tells of a silent death.
const PING_MS = 4 * 60_000;
const PONG_MS = 15_000;

const OPEN = 1;

/**
 * Calls `onOpen`, then `onFrame` for each object that comes, then `onEnd` once, when the socket has
 * closed or the server is silent; nothing after `close`. `ping` makes the ping frame.
 */
export class Connection {
  #socket;
  #handlers;
  #clock;
  #nextPing;
  #deadline;
  #openedAt = Infinity;

  /**
   * @param {SocketLike} socket
   * @param {Clock} clock
   * @param {{
   *   ping: () => Frame,
   *   onOpen: (connection: Connection) => void,
   *   onFrame: (frame: Frame, connection: Connection) => void,
   *   onEnd: (connection: Connection) => void,
   * }} handlers
   */
  constructor(socket, clock, handlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handlers = handlers;
    this.#nextPing = new Timer(clock, () => this.#keepAlive());
    this.#deadline = new Timer(clock, () => this.end());
    this.#deadline.start(OPENING_MS);
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.end();
  }

  get open() {
    return this.#socket.readyState === OPEN;
  }

  /** Milliseconds since it opened. */
  get age() {
    return Math.max(0, this.#clock.now() - this.#openedAt);
  }

  /**
   * @param {Frame} frame
   * @returns {boolean} false when the socket takes nothing any more
   */
  send(frame) {
    // A closing socket swallows frames without an error, so its state decides.
    if (!this.open) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Pings the server; the connection ends when it stays silent. */
  check() {
    if (this.#deadline.running) return;
    this.send(this.#handlers.ping());
    this.#deadline.start(PONG_MS);
  }

  /** Closes the connection, and calls `onEnd`. */
  end() {
    this.close();
    this.#handlers.onEnd(this);
  }

  close() {
    this.#nextPing.stop();
    this.#deadline.stop();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  #opened() {
    this.#openedAt = this.#clock.now();
    this.#deadline.stop();
    this.#nextPing.start(PING_MS);
    this.#handlers.onOpen(this);
  }

  /** @param {string} data */
  #receive(data) {
    this.#deadline.stop();
    for (const frame of parse(data)) {
      // A frame may lead to `close`: those that came with it are dropped then.
      if (this.#socket.onmessage !== null) this.#handlers.onFrame(frame, this);
    }
  }

  #keepAlive() {
    this.check();
    this.#nextPing.start(PING_MS);
  }
}

/**
 * @param {string} data
 * @returns {Frame[]}
 */
function parse(data) {
  try {
    return [JSON.parse(data)].flat().filter((frame) => frame instanceof Object);
  } catch {
    const message = "The server sent something that cannot be read.";
    return [{ type: "error", code: "bad_json", message, retry: "never" }];
  }
}
