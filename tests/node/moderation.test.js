// Moderation: the moderator's requests, and the moderated user's side.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ADA, EPOCH, World, error, history, joined, message } from "./world.js";

function tombstone(seq, deletes) {
  const frame = message(seq, { id: `delete:${deletes}`, user: "mod" });
  return { ...frame, data: { ...frame.data, type: "delete", message: "", deletes } };
}

test("a moderator is told so when joining, room by room", async () => {
  const world = new World();
  const joining = world.client.join("tea");
  world.client.connect();
  world.socket.open();
  await world.socket.say({ ...joined(), you: { ...ADA, moderate: true } });
  assert.equal((await joining).moderator, true);
  assert.equal((await world.enter("coffee")).moderator, false);
});

test("a moderator's acts are sent as they are asked for, and their answers told", async () => {
  const world = new World();
  const room = await world.enter();
  room.kick("bob");
  room.ban("bob", 60);
  room.mute("bob", 0);
  room.delete({ seq: 3, epoch: EPOCH });
  for (const [action, act] of [
    ["kick", { userId: "bob" }],
    ["ban", { userId: "bob", seconds: 60 }],
    ["mute", { userId: "bob", seconds: 0 }],
    ["delete", { seq: 3, epoch: EPOCH }],
  ]) {
    assert.deepEqual(world.socket.take(action), [{ action, room: "tea", ...act }]);
  }
  await world.socket.say({ type: "moderated", action: "kick", room: "tea", userId: "bob" });
  assert.deepEqual(world.all("moderated").map(({ userId }) => userId), ["bob"]);
});

test("an act that is refused is told, and disturbs nothing else", async () => {
  const world = new World();
  const room = await world.enter();
  world.socket.take("join");
  for (const code of ["forbidden", "unavailable"]) {
    room.kick("bob");
    await world.socket.say(error(code, undefined, { action: "kick" }));
  }
  assert.deepEqual(world.all("error").map((event) => event.error.code), ["forbidden", "unavailable"]);
  await world.clock.pass(60_000);
  assert.deepEqual(world.socket.take("join"), []);
  assert.equal(room.complete, true);
});

for (const [reason, code] of [["kicked", "kicked"], ["banned", "banned"], ["rights", "forbidden"]]) {
  test(`who is put out (${reason}) is told, and does not come back by itself`, async () => {
    const world = new World();
    const room = await world.enter();
    const sending = room.send("half a word");
    await world.socket.say({ type: "left", room: "tea", reason });
    assert.deepEqual(world.all("out").map((event) => [event.room, event.error.code]), [["tea", code]]);
    await assert.rejects(sending, { code });
    assert.equal(world.client.room("tea"), undefined);
    assert.deepEqual(world.client.remembered, []);

    world.socket.take("join");
    world.socket.drop();
    await world.clock.pass(60_000);
    world.socket.open();
    assert.deepEqual(world.socket.take("join"), []);
  });
}

test("who was put out may join again", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say({ type: "left", room: "tea", reason: "kicked" });
  world.socket.take("join");
  const room = await world.enter();
  assert.deepEqual(world.socket.take("join"), [{ action: "join", room: "tea" }]);
  assert.equal(room.complete, true);
});

test("being put out is told once, though every connection brings it", async () => {
  const world = new World();
  await world.enter();
  const left = { type: "left", room: "tea", reason: "kicked" };
  await world.socket.say(left);
  await world.socket.say(left);
  assert.equal(world.all("out").length, 1);
});

test("a message of somebody muted is given back, and the room goes on", async () => {
  const world = new World();
  const room = await world.enter();
  world.socket.take("join");
  const sending = room.send("let me speak");
  const [{ id }] = world.socket.take("message");
  await world.socket.say({ ...error("muted", "later", { action: "message", id }), retryAfter: 600 });
  await assert.rejects(sending, { code: "muted", retryAfter: 600 });
  assert.deepEqual(room.unsettled, []);
  assert.equal(world.all("settled").at(-1).error.code, "muted");
  await world.socket.say(message(1));
  assert.deepEqual(world.texts, ["text 1"]);
  assert.equal(world.client.state.name, "live");
  assert.deepEqual(world.socket.take("join"), []);
});

test("a signal of somebody muted is dropped without a word", async () => {
  const world = new World();
  const room = await world.enter();
  room.signal({ typing: true });
  await world.socket.say({ ...error("muted", "later", { action: "signal" }), retryAfter: 600 });
  assert.deepEqual(world.all("error"), []);
  assert.equal(room.complete, true);
});

test("a tombstone comes in its turn, and says which message goes", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say(tombstone(2, 1));
  assert.deepEqual(world.all("message"), []);
  await world.socket.say(message(1));
  const told = world.all("message").map(({ seq, type, deletes }) => [seq, type, deletes]);
  assert.deepEqual(told, [[1, "chat", undefined], [2, "delete", 1]]);
});

test("the past shows what was deleted as such, with nothing of its text", async () => {
  const world = new World();
  const room = await world.enter("tea", 2);
  const reading = room.history();
  const { data, ...frame } = message(1);
  await world.socket.say(
    history([{ ...frame, data: { ...data, type: "deleted", message: "" } }, tombstone(2, 1)]),
  );
  const { messages } = await reading;
  assert.deepEqual(messages.map(({ type, text }) => [type, text]), [["deleted", ""], ["delete", ""]]);
});

test("a notice is told once, without a room", async () => {
  const world = new World();
  await world.enter();
  const from = { userId: "op", username: "Operator" };
  const timestamp = "2026-11-24T09:30:00.000Z";
  await world.socket.say({ type: "notice", id: "n1", message: "Tea is ready.", timestamp, from });
  assert.deepEqual(world.all("notice"), [
    { event: "notice", id: "n1", text: "Tea is ready.", at: new Date(timestamp), from },
  ]);
});
