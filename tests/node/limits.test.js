// Rate limits: the client's reaction to `slow_down`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { World, ack, error, joined, message, settled } from "./world.js";

/** A refusal by the rate limit, of a frame as it was sent. */
function slowDown({ action, room, id }, retryAfter) {
  return { ...error("slow_down", "later", { action, room, id }), retryAfter };
}

test("a message that comes too fast is sent again when the server says, and is not lost", async () => {
  const world = new World();
  const room = await world.enter();
  const sent = room.send("hello");
  world.socket.take("join");
  const [frame] = world.socket.take("message");
  await world.socket.say(slowDown(frame, 4));
  await world.clock.pass(3_999);
  assert.deepEqual(world.socket.sent, []);
  await world.clock.pass(1_001);
  await world.socket.say(joined());
  const [again] = world.socket.take("message");
  assert.deepEqual([again.id, again.resend], [frame.id, true]);
  await world.socket.say(ack(1, frame.id));
  assert.equal((await sent).seq, 1);
  assert.deepEqual(world.all("error"), []);
});

test("one refusal holds back every room that waits for an answer, and no other", async () => {
  const world = new World();
  const rooms = [await world.enter("tea"), await world.enter("coffee"), await world.enter("milk")];
  for (const room of rooms.slice(0, 2)) room.send("hello");
  world.socket.take("join");
  const [frame] = world.socket.take("message");
  await world.socket.say(slowDown(frame, 2));
  await world.clock.pass(1_999);
  assert.deepEqual(world.socket.sent, []);
  assert.deepEqual(rooms.map(({ complete }) => complete), [false, false, true]);
  await world.clock.pass(1_001);
  assert.deepEqual(new Set(world.socket.take("join").map(({ room }) => room)), new Set(["tea", "coffee"]));
  for (const room of ["tea", "coffee"]) await world.socket.say(joined({ room }));
  assert.deepEqual(new Set(world.socket.take("message").map(({ room }) => room)), new Set(["tea", "coffee"]));
});

test("rooms that are held back don't come back all at once", async () => {
  const world = new World();
  const names = Array.from({ length: 20 }, (_, number) => `room ${number}`);
  world.client.connect();
  world.socket.open();
  for (const name of names) world.client.join(name);
  await settled();
  for (let round = 0; round < 4; round += 1) {
    const [first] = world.socket.take("join");
    await world.socket.say(slowDown(first, 1));
    await world.clock.pass(1_000 + 1_000 * 2 ** round);
  }
  const spread = world.clock.now();
  world.socket.take("join");
  await world.socket.say(slowDown({ action: "join", room: names[0] }, 1));
  await world.clock.pass(1_000 + 8_000);
  const again = world.socket.take("join").length;
  assert.ok(again > 2 && again < 20, `${again} of 20 after ${world.clock.now() - spread} ms`);
});

test("a refused ping is nothing that anybody has to know", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say({ ...slowDown({ action: "ping" }, 1), room: undefined });
  assert.deepEqual(world.all("error"), []);
});

test("a leave that comes too fast is asked again, and joining waits for that", async () => {
  const world = new World();
  await world.enter();
  world.client.leave("tea");
  await world.socket.say(slowDown({ action: "leave", room: "tea" }, 3));
  world.socket.sent = [];
  world.client.join("tea");
  await world.clock.pass(2_999);
  assert.deepEqual(world.socket.sent, []);
  await world.clock.pass(1);
  assert.deepEqual(world.socket.take("leave").length, 1);
  await world.socket.say({ type: "left", room: "tea" });
  assert.deepEqual(world.socket.take("join").length, 1);
});

test("a leave without an answer keeps nobody from joining again", async () => {
  const world = new World();
  await world.enter();
  world.socket.take("join");
  world.client.leave("tea");
  const joining = world.client.join("tea");
  await world.clock.pass(9_999);
  assert.deepEqual(world.socket.take("join"), []);
  await world.clock.pass(1);
  assert.equal(world.socket.take("join").length, 1);
  await world.socket.say(joined({ seq: 5 }));
  assert.equal((await joining).position.seq, 5);
  await world.socket.say(message(6));
  assert.deepEqual(world.texts, ["text 6"]);
});
