// The chat connection: the wire's plain form, kept alive over unwanted closes.

const BASE_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

/** The most that the server accepts as one text, in bytes. */
export const MESSAGE_LIMIT = 16 * 1024;

/**
 * Bytes that `text` takes in its frame, to compare with the limit.
 *
 * JSON's escapes count, although the server's limit leaves them out: they can double a text, and
 * the gateway closes a connection that sends a frame over 32 KB.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
 */
export function messageSize(text) {
  const quotes = 2;
  return new TextEncoder().encode(JSON.stringify(text)).length - quotes;
}

/**
 * Milliseconds to wait before the next try, after `failures` tries without success.
 *
 * Full jitter: clients that lost one server together must not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
function backoff(failures) {
  return Math.random() * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** failures);
}

/**
 * A connection that comes back by itself until `close` is called.
 *
 * It calls three handlers:
 * - `onState({ name, retryAt })`: `name` is disconnected, connecting, connected or reconnecting;
 *   `retryAt` (ms since 1970) is set only while a reconnecting connection waits.
 * - `onMessage({ text, name, sender, at })`: someone else's message; `at` is a Date.
 * - `onError(text)`: the server or its gateway refused a frame, and why.
 */
export class Connection {
  #url;
  #handlers;
  #socket = null;
  #timer = null;
  #failures = 0;

  constructor(endpoint, username, handlers) {
    this.#url = new URL(endpoint);
    this.#url.searchParams.set("username", username);
    this.#handlers = handlers;
  }

  open() {
    this.#handlers.onState({ name: "connecting" });
    this.#dial();
  }

  close() {
    this.#stopWaiting();
    const socket = this.#socket;
    this.#socket = null;
    socket.close(1000);
    this.#handlers.onState({ name: "disconnected" });
  }

  /** Ends the wait before the next try; does nothing when there is no wait. */
  retryNow() {
    if (this.#timer === null) return;
    this.#stopWaiting();
    this.#handlers.onState({ name: "reconnecting" });
    this.#dial();
  }

  /** Sends a chat message; false when there is no open connection to send it on. */
  send(text) {
    // A closing socket swallows frames without an error, so its state decides.
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify({ action: "message", message: text, type: "chat" }));
    return true;
  }

  #dial() {
    const socket = new WebSocket(this.#url);
    let openedAt = Infinity;
    this.#socket = socket;
    // A socket that was given up may still report; only the current one counts.
    const whileCurrent = (handle) => (event) => {
      if (socket === this.#socket) handle(event);
    };
    socket.onopen = whileCurrent(() => {
      openedAt = Date.now();
      this.#handlers.onState({ name: "connected" });
    });
    socket.onmessage = whileCurrent(({ data }) => this.#receive(data));
    socket.onclose = whileCurrent(() => {
      // A server that accepts and closes at once must not reset the backoff.
      if (Date.now() - openedAt > MAX_DELAY_MS) this.#failures = 0;
      this.#retryLater();
    });
  }

  #retryLater() {
    const delay = backoff(this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.retryNow(), delay);
    this.#handlers.onState({ name: "reconnecting", retryAt: Date.now() + delay });
  }

  #stopWaiting() {
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  #receive(data) {
    const frame = parse(data);
    if (frame.type === "message") {
      this.#handlers.onMessage(readMessage(frame.data));
    } else if (frame.type === "error") {
      this.#handlers.onError(frame.message);
    } else if (frame.type === undefined && frame.message !== undefined) {
      // API Gateway speaks for itself when a route fails, in a form without a type.
      this.#handlers.onError(`${frame.message} (request ${frame.requestId})`);
    }
  }
}

function parse(data) {
  try {
    return JSON.parse(data) ?? {};
  } catch {
    return { type: "error", message: "The server sent something this page cannot read." };
  }
}

function readMessage({ message, username, senderConnectionId, timestamp }) {
  const at = new Date(timestamp);
  return {
    text: message,
    name: username || "Anonymous",
    sender: senderConnectionId,
    at: Number.isNaN(at.getTime()) ? new Date() : at,
  };
}
