// One WebSocket, from its opening to its end.

import { Timer } from "./timer.js";

/** @import { Clock } from "./timer.js" */
/** @import { Frame } from "./protocol.js" */

// The gateway waits 29 s for the function that lets a client in.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const OPENING_MS = 30_000;

// It closes connections that are idle for 10 minutes, and never tells of a silent death.
const PING_MS = 4 * 60_000;
const PONG_MS = 15_000;

const OPEN = 1;

/**
 * The part of a WebSocket that is used.
 *
 * @typedef {object} SocketLike
 * @property {number} readyState
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 */

/**
 * Calls `onOpen`, then `onFrame` for each object that comes, then `onEnd` once when the connection
 * has ended or is as good as dead; nothing after `close`. `ping` makes the frame that asks the
 * other side for a sign of life.
 */
export class Link {
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
   *   onOpen: (link: Link) => void,
   *   onFrame: (frame: Frame, link: Link) => void,
   *   onEnd: (link: Link) => void,
   * }} handlers
   */
  constructor(socket, clock, handlers) {
    this.#socket = socket;
    this.#clock = clock;
    this.#handlers = handlers;
    this.#nextPing = new Timer(clock, () => this.#keepAlive());
    this.#deadline = new Timer(clock, () => this.end());
    this.#deadline.start(OPENING_MS);
    socket.onopen = () => this.#begin();
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => this.end();
  }

  get open() {
    return this.#socket.readyState === OPEN;
  }

  /** How long it has been open, in milliseconds. */
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

  /** Finds out whether the other side is still there. */
  check() {
    if (this.#deadline.running) return;
    this.send(this.#handlers.ping());
    this.#deadline.start(PONG_MS);
  }

  /** Gives the connection up, and says so. */
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

  #begin() {
    this.#openedAt = this.#clock.now();
    this.#hear();
    this.#nextPing.start(PING_MS);
    this.#handlers.onOpen(this);
  }

  /** @param {string} data */
  #receive(data) {
    this.#hear();
    for (const frame of parse(data)) {
      // A frame may be the reason to close: what came with it is for nobody then.
      if (this.#socket.onmessage !== null) this.#handlers.onFrame(frame, this);
    }
  }

  #keepAlive() {
    this.check();
    this.#nextPing.start(PING_MS);
  }

  #hear() {
    this.#deadline.stop();
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
