// A room over a connection: order, gaps, history, and what goes along with them.

import assert from "node:assert/strict";
import test from "node:test";

import { World, error, history, joined, message, settled } from "./world.js";

test("frames may be objects or arrays, and anything unknown is ignored", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say([message(1), { type: "novelty" }, { ...message(2), novelty: 1 }]);
  await world.socket.say(message(3));
  assert.deepEqual(world.texts, ["text 1", "text 2", "text 3"]);
});

test("a hole of 500 ms is filled from history, and one that closes before is not", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say(message(2));
  await world.clock.pass(499);
  await world.socket.say(message(1));
  await world.clock.pass(10_000);
  assert.deepEqual(world.socket.take("history"), []);

  await world.socket.say(message(5));
  await world.clock.pass(499);
  assert.deepEqual(world.socket.take("history"), []);
  await world.clock.pass(1);
  const question = { action: "history", room: "tea", after: 2, limit: 100 };
  assert.deepEqual(world.socket.take("history"), [question]);
  await world.socket.say(history([message(3), message(4)]));
  assert.deepEqual(world.texts, [1, 2, 3, 4, 5].map((seq) => `text ${seq}`));
});

test("history is asked page after page until nothing is missing", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say(message(6));
  await world.clock.pass(500);
  await world.socket.say(history([message(1), message(2)], { more: true }));
  assert.deepEqual(world.socket.take("history").map(({ after }) => after), [0, 2]);
  await world.socket.say(history([message(3), message(4), message(5)], { more: true }));
  assert.equal(world.texts.length, 6);
  await world.clock.pass(1_000);
  assert.deepEqual(world.socket.take("history"), []);
});

test("an empty page is not believed: joining again tells whether anything is kept", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say(message(3));
  await world.clock.pass(500);
  world.socket.take("join");
  await world.socket.say(history([]));
  const question = { action: "join", room: "tea", since: 0, epoch: "e1" };
  assert.deepEqual(world.socket.take("join"), [question]);
  await world.socket.say(joined({ seq: 3, reason: "expired" }));
  const [gap] = world.all("gap");
  assert.deepEqual([gap.reason, gap.from, gap.to], ["expired", 1, 2]);
  assert.deepEqual(world.texts, ["text 3"]);
});

test("a message of another epoch makes the client join again, and the break is told", async () => {
  const world = new World();
  await world.enter("tea", 41);
  world.socket.take("join");
  await world.socket.say(message(2, { epoch: "e2" }));
  await world.socket.say(message(3, { epoch: "e2" }));
  const question = { action: "join", room: "tea", since: 41, epoch: "e1" };
  assert.deepEqual(world.socket.take("join"), [question]);
  await world.socket.say(joined({ seq: 2, epoch: "e2", reason: "epoch" }));
  assert.deepEqual(world.all("gap").map(({ reason }) => reason), ["epoch"]);
  assert.deepEqual(world.texts, ["text 3"]);
});

test("a page asked for in an old epoch changes nothing in the new one", async () => {
  const world = new World();
  await world.enter("tea", 41);
  await world.socket.say(message(43));
  await world.clock.pass(500);
  await world.socket.say(message(9, { epoch: "e2" }));
  await world.socket.say(joined({ seq: 8, epoch: "e2", reason: "epoch" }));
  await world.socket.say(history([message(50, { epoch: "e2" })], { epoch: "e2" }));
  assert.deepEqual(world.all("gap").length, 1);
  assert.deepEqual(world.texts, ["text 9"]);
});

test("a repeated joined frame changes nothing", async () => {
  const world = new World();
  await world.enter("tea", 5);
  await world.socket.say([message(6), message(7)]);
  await world.socket.say(joined({ seq: 9 }));
  assert.deepEqual(world.socket.take("history"), []);
  await world.socket.say(message(8));
  assert.deepEqual(world.texts, ["text 6", "text 7", "text 8"]);
});

test("a newest message that was lost shows in the pong, and is asked for", async () => {
  const world = new World();
  await world.enter("tea", 5);
  world.client.check();
  assert.deepEqual(world.socket.take("ping"), [{ action: "ping", rooms: ["tea"] }]);
  const rooms = { tea: { seq: 6, epoch: "e1" }, gin: { seq: 1, epoch: "e1" } };
  await world.socket.say({ type: "pong", rooms });
  await world.clock.pass(500);
  assert.deepEqual(world.socket.take("history").map(({ after }) => after), [5]);
  await world.socket.say(history([message(6)]));
  await world.socket.say({ type: "pong", rooms });
  await world.clock.pass(500);
  assert.deepEqual(world.socket.take("history"), []);
  assert.deepEqual(world.texts, ["text 6"]);
});

test("rooms are apart: each has its own order", async () => {
  const world = new World();
  await world.enter("tea", 5);
  await world.enter("coffee", 80);
  await world.socket.say([message(81, { room: "coffee" }), message(6), message(1, { room: "gin" })]);
  const places = world.all("message").map(({ room, seq }) => `${room} ${seq}`);
  assert.deepEqual(places, ["coffee 81", "tea 6"]);
});

test("a page of the past comes as it was asked for, and is no news", async () => {
  const world = new World();
  const room = await world.enter("tea", 9);
  const reading = room.history({ before: 8, limit: 2 });
  const question = { action: "history", room: "tea", before: 8, limit: 2 };
  assert.deepEqual(world.socket.take("history"), [question]);
  await world.socket.say(history([message(6), message(7)], { more: true }));
  const page = await reading;
  assert.deepEqual(page.messages.map(({ seq }) => seq), [6, 7]);
  assert.equal(page.more, true);
  assert.deepEqual(world.texts, []);
});

test("history is asked one page at a time, and what is missing goes first", async () => {
  const world = new World();
  const room = await world.enter("tea", 9);
  const pages = [room.history({ before: 8 }), room.history({ before: 5 })];
  await world.socket.say(message(12));
  await world.clock.pass(500);
  assert.deepEqual(world.socket.take("history").map(({ before }) => before), [8]);
  // It fits none that is open: the repetition of an older answer.
  await world.socket.say(history([message(8)]));
  assert.deepEqual(world.socket.take("history"), []);
  await world.socket.say(history([message(7)]));
  assert.deepEqual(world.socket.take("history").map(({ after }) => after), [9]);
  await world.socket.say(history([message(10), message(11)]));
  assert.deepEqual(world.texts, ["text 10", "text 11", "text 12"]);
  await world.socket.say(history([message(4)]));
  const seqs = (await Promise.all(pages)).map(({ messages }) => messages[0].seq);
  assert.deepEqual(seqs, [7, 4]);
});

test("a refused page is an error for who asked, and the next one is asked", async () => {
  const world = new World();
  const room = await world.enter("tea", 9);
  const refused = assert.rejects(room.history(), { code: "unavailable", retry: "later" });
  const next = room.history();
  await world.socket.say(error("unavailable", "later", { action: "history" }));
  await refused;
  await world.socket.say(history([message(9)]));
  assert.equal((await next).messages.length, 1);
});

test("joining again does not ask an open question twice", async () => {
  const world = new World();
  const room = await world.enter("tea", 9);
  const reading = room.history({ before: 8 });
  await world.socket.say(message(1, { epoch: "e2" }));
  await world.socket.say(joined({ seq: 9 }));
  assert.equal(world.socket.take("history").length, 1);
  await world.socket.say(history([message(7)]));
  assert.equal((await reading).messages.length, 1);
});

test("an answer that does not come within 10 s costs the connection, not the question", async () => {
  const world = new World();
  const room = await world.enter("tea", 9);
  const reading = room.history();
  await world.clock.pass(9_999);
  assert.equal(world.sockets.length, 1);
  await world.clock.pass(1_001);
  assert.equal(world.sockets.length, 2);
  world.socket.open();
  await world.socket.say(joined({ seq: 9 }));
  await world.socket.say(history([message(9)]));
  assert.equal((await reading).messages[0].text, "text 9");
});

test("members are read page by page", async () => {
  const world = new World();
  const room = await world.enter();
  const reading = room.who("3fa2");
  assert.deepEqual(world.socket.take("who"), [{ action: "who", room: "tea", next: "3fa2" }]);
  const members = [{ userId: "bob", username: "Bob" }];
  await world.socket.say({ type: "who", room: "tea", members, next: "77aa" });
  assert.deepEqual(await reading, { members, next: "77aa" });
});

test("presence and signals are handed on, one's own signals are not", async () => {
  const world = new World();
  const room = await world.enter();
  room.signal({ typing: true });
  assert.deepEqual(world.socket.take("signal"), [
    { action: "signal", room: "tea", data: { typing: true } },
  ]);
  const bob = { userId: "bob", username: "Bob" };
  await world.socket.say({ type: "presence", room: "tea", members: 2, joined: [bob], left: [] });
  const signal = { type: "signal", room: "tea", data: 1 };
  await world.socket.say({ ...signal, from: bob });
  await world.socket.say({ ...signal, from: { userId: "ada", username: "Ada" } });
  assert.equal(room.members, 2);
  assert.deepEqual(world.all("presence").at(-1).joined, [bob]);
  assert.deepEqual(world.all("signal").map(({ from }) => from.userId), ["bob"]);
});

test("a room that is refused for good is an error for who joins it, and is forgotten", async () => {
  const world = new World();
  await world.enter();
  const refused = assert.rejects(world.client.join("no\tname"), { code: "bad_room" });
  await settled();
  const named = { action: "join", room: "no\tname" };
  await world.socket.say(error("bad_room", "never", named));
  await refused;
  assert.deepEqual(world.client.remembered, ["tea"]);
  await assert.rejects(world.client.join("x".repeat(65)), /1 to 64 characters; this one has 65/);
});

test("a join that is refused for now is tried again after a pause", async () => {
  const world = new World();
  world.client.connect();
  world.socket.open();
  const joining = world.client.join("tea");
  await settled();
  const frame = error("unavailable", "later", { action: "join" });
  await world.socket.say({ ...frame, retryAfter: 3 });
  await world.clock.pass(2_999);
  assert.equal(world.socket.take("join").length, 1);
  await world.clock.pass(1_001);
  assert.equal(world.socket.take("join").length, 1);
  await world.socket.say(joined());
  assert.equal((await joining).name, "tea");
});

test("the pauses between refused joins grow", async () => {
  const world = new World({ random: (count) => new Uint8Array(count).fill(255) });
  world.client.connect();
  world.socket.open();
  world.client.join("tea");
  for (const seconds of [1, 2, 4]) {
    await settled();
    world.socket.take("join");
    await world.socket.say(error("unavailable", "later", { action: "join" }));
    await world.clock.pass(seconds * 1_000 - 1);
    assert.deepEqual(world.socket.take("join"), []);
    await world.clock.pass(1);
    assert.equal(world.socket.take("join").length, 1);
  }
});

test("a join without an answer is asked again after 10 s", async () => {
  const world = new World();
  world.client.connect();
  world.socket.open();
  world.client.join("tea");
  await world.clock.pass(9_999);
  assert.equal(world.socket.take("join").length, 1);
  await world.clock.pass(1);
  assert.equal(world.socket.take("join").length, 1);
});

test("a room that was left is silent, and is joined again only after the server's left", async () => {
  const world = new World();
  await world.enter();
  world.client.leave("tea");
  assert.deepEqual(world.socket.take("leave"), [{ action: "leave", room: "tea" }]);
  await world.socket.say(message(1));
  assert.deepEqual(world.texts, []);
  world.socket.take("join");
  world.client.join("tea");
  await settled();
  assert.deepEqual(world.socket.take("join"), []);
  await world.socket.say({ type: "left", room: "tea" });
  assert.deepEqual(world.socket.take("join"), [{ action: "join", room: "tea" }]);
});

test("a room that was left before a loss can be joined again after it", async () => {
  const world = new World();
  await world.enter();
  world.client.leave("tea");
  world.socket.drop();
  world.client.join("tea");
  await world.clock.pass(1_000);
  world.socket.open();
  assert.deepEqual(world.socket.take("join"), [{ action: "join", room: "tea" }]);
});

test("a listener's fault does not stop the messages behind it", async () => {
  const world = new World();
  await world.enter();
  const faults = [];
  process.setUncaughtExceptionCaptureCallback((fault) => faults.push(fault.message));
  const off = world.client.on("message", () => {
    off();
    throw new Error("the listener's");
  });
  await world.socket.say([message(1), message(2)]);
  assert.deepEqual(world.texts, ["text 1", "text 2"]);
  process.setUncaughtExceptionCaptureCallback(null);
  assert.deepEqual(faults, ["the listener's"]);
});
