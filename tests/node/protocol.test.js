// Limits, waits and random values.

import assert from "node:assert/strict";
import test from "node:test";

import { MESSAGE_LIMIT, messageSize } from "../../static/client/protocol.js";
import { backoff, fraction, token } from "../../static/client/random.js";

test("a text is measured in bytes of UTF-8", () => {
  assert.equal(messageSize("x".repeat(MESSAGE_LIMIT)), MESSAGE_LIMIT);
  assert.equal(messageSize("é"), 2);
});

test("a text whose escapes would make the frame too long is over the limit", () => {
  const text = "\u0001".repeat(6_000);
  assert.ok(messageSize(text) > MESSAGE_LIMIT);
  assert.ok(JSON.stringify(text).length > 32 * 1024);
});

test("the largest text, however escaped, fits into a frame with the longest room's name", () => {
  for (const letter of ["x", '"', "\n", "\u0001", "é", "\u{1F3BA}"]) {
    let text = letter;
    while (messageSize(text + letter.repeat(64)) <= MESSAGE_LIMIT) text += letter.repeat(64);
    const name = { room: "\u{1F3BA}".repeat(64), id: "x".repeat(64) };
    const frame = { action: "message", ...name, message: text, type: "chat", resend: true };
    assert.ok(new TextEncoder().encode(JSON.stringify(frame)).length <= 32 * 1024);
  }
});

test("the wait doubles from 1 s to 30 s, and is anything below that", () => {
  const most = (count) => new Uint8Array(count).fill(255);
  const least = (count) => new Uint8Array(count);
  const waits = [0, 1, 2, 3, 4, 5, 6, 99].map((failures) => Math.ceil(backoff(failures, most)));
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  assert.equal(backoff(9, least), 0);
});

test("a fraction stays below 1, and tokens have the form that the protocol asks for", () => {
  assert.ok(fraction((count) => new Uint8Array(count).fill(255)) < 1);
  const bytes = (count) => Uint8Array.from({ length: count }, (_, index) => 255 - index);
  assert.match(token(16, bytes), /^[A-Za-z0-9_-]{22}$/);
});
