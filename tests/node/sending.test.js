// Sending without loss, and without doubling.

import assert from "node:assert/strict";
import test from "node:test";

import { World, ack, error, history, joined, message, settled } from "./world.js";

test("a message is settled by its ack, and shown once, at its place", async () => {
  const world = new World();
  const room = await world.enter();
  const sending = room.send("hello");
  const [frame] = world.socket.take("message");
  const { id } = frame;
  assert.deepEqual(frame, { action: "message", room: "tea", message: "hello", type: "chat", id });
  assert.match(id, /^[A-Za-z0-9_-]{12}$/);
  assert.deepEqual(world.all("sent").map((sent) => [sent.id, sent.text]), [[id, "hello"]]);

  await world.socket.say(ack(2, id));
  assert.deepEqual(await sending, { seq: 2, epoch: "e1" });
  assert.deepEqual(world.texts, []);
  await world.socket.say([message(1), ack(2, id)]);
  assert.deepEqual(world.texts, ["text 1", "hello"]);
  assert.deepEqual(world.all("message").map(({ own }) => own), [false, true]);
  assert.deepEqual(world.all("settled").map((settled) => [settled.id, settled.seq]), [[id, 2]]);
});

test("a message is settled by itself, where its ack was lost with its connection", async () => {
  const world = new World();
  const room = await world.enter();
  const sending = room.send("hello");
  const [{ id }] = world.socket.take("message");
  await world.socket.say(message(1, { id, user: "ada" }));
  assert.deepEqual(await sending, { seq: 1, epoch: "e1" });
  await world.socket.say(ack(1, id));
  assert.equal(world.all("message").length, 1);
  assert.equal(world.all("settled").length, 1);
});

test("somebody else's message with the same id settles nothing", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  const [{ id }] = world.socket.take("message");
  await world.socket.say(message(1, { id, user: "bob" }));
  assert.equal(room.unsettled.length, 1);
});

test("a message that is refused for good is an error, with its code", async () => {
  const world = new World();
  const room = await world.enter();
  const refused = assert.rejects(room.send("hello"), { code: "not_joined", retry: "never" });
  const [{ id }] = world.socket.take("message");
  await world.socket.say(error("not_joined", "never", { action: "message", id }));
  await refused;
  assert.equal(world.all("settled")[0].error.message, "It is not_joined.");
  assert.deepEqual(room.unsettled, []);
});

test("a message that is refused for now is sent again, after a pause and the replay", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  const [{ id }] = world.socket.take("message");
  world.socket.take("join");
  const refusal = error("unavailable", "later", { action: "message", id });
  await world.socket.say({ ...refusal, retryAfter: 2 });
  await world.clock.pass(1_999);
  assert.deepEqual(world.socket.take("join"), []);
  await world.clock.pass(1_001);
  assert.deepEqual(world.socket.take("join").map(({ since }) => since), [0]);
  await world.socket.say(joined());
  const [again] = world.socket.take("message");
  assert.deepEqual([again.id, again.resend], [id, true]);
});

test("the gateway's own error counts as a refusal for now", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  world.socket.take("join");
  world.socket.take("message");
  await world.socket.say({ message: "Internal server error", connectionId: "c=", requestId: "r=" });
  assert.match(world.all("error")[0].error.message, /Internal server error \(request r=\)/);
  await world.clock.pass(1_000);
  assert.equal(world.socket.take("join").length, 1);
  await world.socket.say(joined());
  assert.equal(world.socket.take("message")[0].resend, true);
});

test("after 10 s without an answer the client joins again; what the replay shows is settled", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("one");
  room.send("two");
  const [one] = world.socket.take("message");
  const two = room.unsettled[1];
  world.socket.take("join");
  await world.clock.pass(9_999);
  assert.deepEqual(world.socket.take("join"), []);
  await world.clock.pass(1);
  const [question] = world.socket.take("join");
  assert.deepEqual([question.since, question.epoch], [0, "e1"]);
  assert.deepEqual(world.socket.take("message"), []);
  await world.socket.say(joined({ seq: 1, messages: [message(1, { id: one.id, user: "ada" })] }));
  const again = world.socket.take("message");
  assert.deepEqual(again.map(({ id, resend }) => [id, resend]), [[two.id, undefined]]);
  await world.clock.pass(10_000);
  await world.socket.say(joined({ seq: 1 }));
  const once = world.socket.take("message");
  assert.deepEqual(once.map(({ id, resend }) => [id, resend]), [[two.id, true]]);
});

test("nothing is sent again before the room is caught up", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  const [{ id }] = world.socket.take("message");
  world.socket.drop();
  await world.clock.pass(1_000);
  world.socket.open();
  await world.socket.say(joined({ seq: 4, messages: [message(1), message(2)], reason: "more" }));
  assert.deepEqual(world.socket.take("message"), []);
  await world.socket.say(history([message(3), message(4, { id, user: "ada" })]));
  assert.deepEqual(world.socket.take("message"), []);
  assert.equal(world.all("settled").length, 1);
});

test("messages go out one by one, oldest first, whether written offline or not", async () => {
  const world = new World();
  const room = await world.enter();
  world.socket.drop();
  const texts = ["one", "two", "three"];
  texts.forEach((text) => room.send(text));
  assert.equal(world.all("sent").length, 3);
  await world.clock.pass(1_000);
  world.socket.open();
  assert.deepEqual(world.socket.take("message"), []);
  await world.socket.say(joined());
  for (const [index, text] of texts.entries()) {
    const frames = world.socket.take("message");
    assert.deepEqual(frames.map(({ message, resend }) => [message, resend]), [[text, undefined]]);
    await world.socket.say(ack(index + 1, frames[0].id));
  }
  room.send("four");
  room.send("five");
  assert.deepEqual(world.socket.take("message").map(({ message }) => message), ["four"]);
});

test("200 messages wait at most; the next one is refused, and says why", async () => {
  const world = new World();
  const room = await world.enter();
  world.socket.drop();
  for (let count = 0; count < 200; count += 1) room.send("x");
  await assert.rejects(room.send("x"), { code: "queue_full", message: /200 messages are waiting/ });
  assert.equal(world.all("sent").length, 200);
  assert.equal(room.unsettled.length, 200);
});

test("a text over the limit is refused before it is sent", async () => {
  const world = new World();
  const room = await world.enter();
  await assert.rejects(room.send("é".repeat(8_193)), { code: "too_large", message: /16386 bytes/ });
  assert.deepEqual(world.socket.take("message"), []);
});

test("half a character pair is sent as a replacement, since no JSON reader takes it", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("\ud83c");
  assert.equal(world.socket.take("message")[0].message, "\ufffd");
});

test("leaving a room refuses what is not settled there", async () => {
  const world = new World();
  const room = await world.enter();
  const refused = assert.rejects(room.send("hello"), { code: "left" });
  world.client.leave("tea");
  await refused;
});

test("unsettled messages, positions and the session outlive the page", async () => {
  const world = new World();
  const room = await world.enter("tea", 4);
  const kept = assert.rejects(room.send("hello"), { code: "closed", retry: "later" });
  const [{ id }] = world.socket.take("message");
  const session = world.socket.url.searchParams.get("session");
  world.client.close();
  await kept;

  world.open();
  assert.deepEqual(world.client.remembered, ["tea"]);
  world.client.connect();
  world.socket.open();
  world.client.join("tea");
  await settled();
  assert.equal(world.socket.url.searchParams.get("session"), session);
  const again = world.client.room("tea");
  assert.deepEqual(again.unsettled.map((message) => [message.id, message.text]), [[id, "hello"]]);
  const question = { action: "join", room: "tea", since: 4, epoch: "e1" };
  assert.deepEqual(world.socket.take("join"), [question]);
  await world.socket.say(joined({ seq: 5, messages: [message(5)] }));
  const [frame] = world.socket.take("message");
  assert.deepEqual([frame.id, frame.resend], [id, true]);
  await world.socket.say(ack(6, id));
  assert.deepEqual(world.texts, ["text 5", "hello"]);
  assert.deepEqual(again.unsettled, []);
});

test("a storage that is full, forbidden or damaged costs only the memory", async () => {
  const forbidden = () => {
    throw new Error("QuotaExceededError");
  };
  for (const getItem of [() => "{damaged", forbidden]) {
    const world = new World({ storage: { getItem, setItem: forbidden } });
    const room = await world.enter();
    room.send("hello");
    assert.equal(world.socket.take("message").length, 1);
  }
});
