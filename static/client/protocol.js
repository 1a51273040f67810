// Protocol of the server (docs/protocol.md): limits, errors, frames.

/** @import { Message } from "./fanfare.d.ts" */

/** Subprotocol of version 1. */
export const SUBPROTOCOL = "fanfare.v1";

/** Longest text of a message, in bytes. */
export const MESSAGE_LIMIT = 16 * 1024;

/** Time to wait for the answer to a request, in milliseconds. */
export const ANSWER_MS = 10_000;

// The gateway closes a connection that sends a longer frame.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const FRAME_LIMIT = 32 * 1024;

// The frame without its text; a room's name alone may take 384 bytes as JSON.
const ENVELOPE = 640;

const ROOM_NAME_LIMIT = 64;

/** @typedef {Record<string, any>} Frame */
/** @typedef {"never" | "later" | "reconnect"} Retry */

/**
 * Retry rule of each error: never send the same again, send it later, or reconnect.
 *
 * @type {Readonly<Record<string, Retry>>}
 */
const RETRY = Object.freeze({
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

/** A refusal: by the server, with the codes of docs/protocol.md, or by this library. */
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

/**
 * @param {Frame} frame an `error` of the server
 * @returns {FanfareError}
 */
export function readError({ code, message, retry, retryAfter }) {
  return new FanfareError(code, message, { retry, retryAfter });
}

/**
 * @param {Frame} frame a `message` of the server
 * @returns {Message}
 */
export function readMessage({ room, seq, epoch, id, data }) {
  const { type, message: text, deletes, username, userId, timestamp } = data;
  const at = new Date(timestamp);
  return { room, seq, epoch, id, type, text, deletes, username, userId, at, own: false };
}

/**
 * Bytes that `text` takes of `MESSAGE_LIMIT`.
 *
 * These are its bytes in UTF-8, unless its JSON escapes would make its frame too long before.
 *
 * @param {string} text
 */
export function messageSize(text) {
  const quotes = 2;
  const escaped = bytes(JSON.stringify(text)) - quotes;
  const share = MESSAGE_LIMIT / (FRAME_LIMIT - ENVELOPE);
  return Math.max(bytes(text), Math.ceil(escaped * share));
}

/**
 * @param {string} name
 * @throws {FanfareError} `bad_room`; the server checks the rest
 */
export function checkRoomName(name) {
  const length = Array.from(name).length;
  if (length < 1 || length > ROOM_NAME_LIMIT) {
    const limit = `1 to ${ROOM_NAME_LIMIT} characters`;
    throw new FanfareError("bad_room", `A room's name has ${limit}; this one has ${length}.`);
  }
}

/** @param {string} text */
function bytes(text) {
  return new TextEncoder().encode(text).length;
}
