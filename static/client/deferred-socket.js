// WebSocket that opens once its token has come.

/** @import { SocketLike } from "./fanfare.d.ts" */

const CONNECTING = 0;
const CLOSED = 3;

/**
 * Socket that is connecting while it waits for a token, and closes when there is none.
 *
 * @implements {SocketLike}
 */
export class DeferredSocket {
  /** @type {SocketLike["onopen"]} */
  onopen = null;
  /** @type {SocketLike["onmessage"]} */
  onmessage = null;
  /** @type {SocketLike["onclose"]} */
  onclose = null;
  /** @type {SocketLike | null} */
  #socket = null;
  #closed = false;

  /**
   * @param {() => string | Promise<string>} token
   * @param {(token: string) => SocketLike} open
   * @param {(error: Error) => void} onFailure called when there is no token
   */
  constructor(token, open, onFailure) {
    Promise.resolve()
      .then(token)
      .then((value) => this.#closed || this.#adopt(open(value)))
      .catch((error) => this.#fail(error, onFailure));
  }

  get readyState() {
    return this.#closed ? CLOSED : (this.#socket?.readyState ?? CONNECTING);
  }

  /** @param {string} text */
  send(text) {
    this.#socket?.send(text);
  }

  /** @param {number} [code] */
  close(code) {
    this.#closed = true;
    this.#socket?.close(code);
  }

  /** @param {SocketLike} socket */
  #adopt(socket) {
    this.#socket = socket;
    socket.onopen = (event) => this.onopen?.(event);
    socket.onmessage = (event) => this.onmessage?.(event);
    socket.onclose = (event) => this.onclose?.(event);
  }

  /**
   * @param {Error} error
   * @param {(error: Error) => void} onFailure
   */
  #fail(error, onFailure) {
    if (this.#closed) return;
    this.#closed = true;
    onFailure(error);
    this.onclose?.({});
  }
}
