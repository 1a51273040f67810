// Random ids and jitter.

/** @import { Random } from "./fanfare.d.ts" */

const BASE_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

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
