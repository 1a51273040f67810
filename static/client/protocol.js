// What the protocol fixes (docs/protocol.md), and the shapes that the application sees.

import { FanfareError } from "./errors.js";

/** The subprotocol that a client of version 1 offers. */
export const SUBPROTOCOL = "fanfare.v1";

/** The most that the server takes as one message's text, in bytes. */
export const MESSAGE_LIMIT = 16 * 1024;

// The gateway closes a connection that sends a longer frame.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const FRAME_LIMIT = 32 * 1024;

// What a frame holds besides its text; a room's name alone may take 384 bytes as JSON.
const ENVELOPE = 640;

const ROOM_NAME_LIMIT = 64;
const BASE_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

/**
 * One message, as it is handed to the application.
 *
 * @typedef {object} Message
 * @property {string} room
 * @property {number} seq its number in the room
 * @property {string} epoch the life of the room that `seq` counts in
 * @property {string} id the sender's own name for it
 * @property {"chat" | "delete" | "deleted"} type `delete` takes another one's text away, which is
 *   `deleted` from then on
 * @property {string} text
 * @property {number} [deletes] of a `delete`, the number of the other one
 * @property {string} username
 * @property {string} userId
 * @property {Date} at when it was taken; of one's own, until it is read again, when it was written
 * @property {boolean} own whether this session sent it
 */

/** @typedef {{ epoch: string, seq: number }} Position */
/** @typedef {{ userId: string, username: string, moderate?: boolean }} User */
/** @typedef {Record<string, any>} Frame */

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
  return {
    room,
    seq,
    epoch,
    id,
    type: data.type,
    text: data.message,
    deletes: data.deletes,
    username: data.username,
    userId: data.userId,
    at: new Date(data.timestamp),
    own: false,
  };
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

/**
 * Milliseconds to wait before the next try, after `failures` tries without success.
 *
 * Full jitter: clients that lost one server together must not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param {number} failures
 * @param {Random} random
 */
export function backoff(failures, random) {
  return fraction(random) * Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** failures);
}

/** @typedef {(count: number) => Uint8Array} Random returns so many random bytes */

/** @type {Random} */
export const REAL_RANDOM = (count) => crypto.getRandomValues(new Uint8Array(count));

/**
 * A number from 0 up to, but without, 1.
 *
 * @param {Random} random
 */
export function fraction(random) {
  return random(4).reduce((sum, byte) => (sum + byte) / 256, 0);
}

/**
 * Random bytes in base64url.
 *
 * @param {number} count of bytes; a multiple of 3 needs no padding
 * @param {Random} random
 */
export function token(count, random) {
  const text = btoa(String.fromCharCode(...random(count)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {string} text */
function bytes(text) {
  return new TextEncoder().encode(text).length;
}
