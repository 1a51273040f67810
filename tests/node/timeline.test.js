// Timeline of a room, without a connection.

import assert from "node:assert/strict";
import test from "node:test";

import { Timeline } from "../../static/client/timeline.js";

const at = (seq, epoch = "e1") => ({ seq, epoch, message: { seq, epoch } });
const page = (...seqs) => seqs.map((seq) => ({ seq, epoch: "e1" }));
const answer = (seq, reason, epoch = "e1") => ({ epoch, seq, reason });

/** The numbers delivered, and gaps as "from-to" or "epoch". */
function read(effects) {
  return effects.map((effect) => {
    if (effect.kind === "deliver") return effect.message.seq;
    if (effect.kind === "rejoin") return "rejoin";
    return effect.reason === "epoch" ? "epoch" : `${effect.from}-${effect.to}`;
  });
}

test("a message that is early waits for the one before it", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 4 });
  assert.deepEqual(read(timeline.receive(at(6))), []);
  assert.ok(timeline.hole);
  assert.deepEqual(read(timeline.receive(at(5))), [5, 6]);
  assert.ok(!timeline.hole);
  assert.deepEqual(timeline.position, { epoch: "e1", seq: 6 });
});

test("whatever comes twice is delivered once", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 0 });
  const effects = [1, 1, 3, 3, 2, 1, 3].flatMap((seq) => timeline.receive(at(seq)));
  assert.deepEqual(read(effects), [1, 2, 3]);
});

test("an ack without its text makes a hole, which its message fills", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 0 });
  assert.deepEqual(timeline.receive({ seq: 1, epoch: "e1", message: null }), []);
  assert.ok(timeline.hole);
  assert.deepEqual(read(timeline.receive(at(1))), [1]);
});

test("who joins afresh begins at the room's end", () => {
  const timeline = new Timeline(null);
  assert.equal(timeline.position, null);
  assert.deepEqual(read(timeline.joined(answer(7), [], null)), []);
  assert.deepEqual(timeline.position, { epoch: "e1", seq: 7 });
});

test("live messages that come before the answer to join are kept for it", () => {
  const timeline = new Timeline(null);
  assert.deepEqual([8, 7, 6].flatMap((seq) => timeline.receive(at(seq))), []);
  assert.deepEqual(read(timeline.joined(answer(6), [], null)), [7, 8]);
});

test("what was missed comes first, and what came live meanwhile after it", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  assert.deepEqual(read(timeline.receive(at(6))), []);
  assert.deepEqual(read(timeline.joined(answer(5), page(3, 4, 5), timeline.position)), [3, 4, 5, 6]);
});

test("an answer that holds only the first part leaves the rest to be asked for", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  assert.deepEqual(read(timeline.joined(answer(6, "more"), page(3, 4), timeline.position)), [3, 4]);
  assert.ok(timeline.behind);
  assert.deepEqual(read(timeline.page("e1", page(5, 6))), [5, 6]);
  assert.ok(!timeline.behind);
});

test("what is no longer kept is told as a gap, at its place", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  const effects = timeline.joined(answer(9, "expired"), page(6, 7, 9), timeline.position);
  assert.deepEqual(read(effects), ["3-5", 6, 7, "8-8", 9]);
});

test("when nothing is kept any more, all of it is one gap", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  assert.deepEqual(read(timeline.joined(answer(9, "expired"), [], timeline.position)), ["3-9"]);
  assert.ok(!timeline.behind);
});

test("a page that begins too late tells a gap, less what has come live", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  timeline.receive(at(4));
  assert.deepEqual(read(timeline.page("e1", page(6, 7))), ["3-3", 4, "5-5", 6, 7]);
});

test("a room started anew begins where its answer says, and its numbers count again", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 40 });
  assert.deepEqual(read(timeline.receive(at(3, "e2"))), ["rejoin"]);
  const effects = timeline.joined(answer(2, "epoch", "e2"), [], { epoch: "e1", seq: 40 });
  assert.deepEqual(read(effects), ["epoch", 3]);
  assert.deepEqual(timeline.position, { epoch: "e2", seq: 3 });
});

test("what was held back of an old epoch is not taken for the new one's", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 40 });
  timeline.receive(at(43));
  timeline.joined(answer(42, "epoch", "e2"), [], timeline.position);
  assert.deepEqual(timeline.receive(at(44, "e2")), []);
  assert.deepEqual(read(timeline.receive(at(43, "e2"))), [43, 44]);
});

test("a room that lost its newest numbers begins anew too, in the same epoch", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 40 });
  assert.deepEqual(read(timeline.joined(answer(30, "epoch"), [], timeline.position)), ["epoch"]);
  assert.deepEqual(read(timeline.receive(at(31))), [31]);
});

test("a page of another epoch changes nothing but asks to join again", () => {
  const timeline = new Timeline({ epoch: "e1", seq: 2 });
  assert.deepEqual(read(timeline.page("e2", page(3))), ["rejoin"]);
  assert.deepEqual(timeline.position, { epoch: "e1", seq: 2 });
});
