// What can be refused, and what to do about it; the server's part is that of chalicelib/errors.py.

/** @typedef {"never" | "later" | "reconnect"} Retry */

/**
 * What a client does after each error: never send the same again, send it later, or reconnect.
 *
 * @type {Readonly<Record<string, Retry>>}
 */
export const RETRY = Object.freeze({
  bad_json: "never",
  bad_frame: "never",
  unknown_action: "never",
  too_large: "never",
  bad_room: "never",
  forbidden: "never",
  banned: "never",
  muted: "later",
  token_expired: "reconnect",
  not_joined: "never",
  too_many_rooms: "never",
  unknown_connection: "reconnect",
  slow_down: "later",
  unavailable: "later",
  // This library's own.
  queue_full: "later",
  left: "never",
  kicked: "never",
  closed: "later",
  no_token: "later",
});

/** Something was refused: by the server, with the codes of docs/protocol.md, or by this library. */
export class FanfareError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{ retry?: Retry, retryAfter?: number }} [rule] where the server gives one; `retryAfter`
   *   is in seconds
   */
  constructor(code, message, { retry = RETRY[code] ?? "never", retryAfter } = {}) {
    super(message);
    this.name = "FanfareError";
    this.code = code;
    this.retry = retry;
    this.retryAfter = retryAfter;
  }
}
