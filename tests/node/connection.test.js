// Reconnection, and replacement before the gateway's limit.

import assert from "node:assert/strict";
import test from "node:test";

import { World, ack, error, joined, message, seeded, settled } from "./world.js";

const MINUTE = 60_000;
const most = (count) => new Uint8Array(count).fill(255);
const least = (count) => new Uint8Array(count);

test("the handshake offers version 1, with the name and a session of 128 bits", async () => {
  const world = new World();
  world.client.connect();
  const { url, protocols } = world.socket;
  assert.deepEqual(protocols, ["fanfare.v1"]);
  assert.equal(url.searchParams.get("username"), "Ada");
  assert.match(url.searchParams.get("session"), /^[A-Za-z0-9_-]{22}$/);
});

test("where the URL names the protocol, no subprotocol is offered", () => {
  const world = new World({ url: "wss://fanfare.example/api?protocol=fanfare.v1" });
  world.client.connect();
  const { url, protocols } = world.socket;
  assert.deepEqual(protocols, []);
  assert.equal(url.searchParams.get("protocol"), "fanfare.v1");
});

test("states are told as they are: connecting, catching up, live, offline until when", async () => {
  const world = new World();
  await world.enter();
  assert.deepEqual(world.states, ["connecting", "live", "catching-up", "live"]);
  world.socket.drop();
  const { name, retryAt } = world.client.state;
  assert.equal(name, "offline");
  assert.ok(retryAt >= world.clock.now() && retryAt <= world.clock.now() + 1_000);
  world.client.check();
  assert.equal(world.client.state.name, "connecting");
  world.socket.open();
  assert.equal(world.client.state.name, "catching-up");
  await world.socket.say(joined());
  assert.equal(world.client.state.name, "live");
  world.client.close();
  assert.equal(world.client.state.name, "closed");
});

test("the waits grow with each failure, up to 30 s, and are any part of that", async () => {
  for (const [random, waits] of [
    [most, [1, 2, 4, 8, 16, 30, 30]],
    [least, [0, 0, 0]],
  ]) {
    const world = new World({ random });
    world.client.connect();
    for (const seconds of waits) {
      world.socket.drop();
      const wait = world.client.state.retryAt - world.clock.now();
      assert.equal(Math.round(wait / 1_000), seconds);
      await world.clock.pass(Math.ceil(wait));
    }
    assert.equal(world.sockets.length, waits.length + 1);
  }
});

test("a connection that held for a minute makes the waits short again", async () => {
  const world = new World({ random: most });
  world.client.connect();
  const wait = () => Math.round((world.client.state.retryAt - world.clock.now()) / 1_000);
  const hold = async (ms) => {
    await world.clock.pass(30_000);
    world.socket.open();
    await world.clock.pass(ms);
    world.socket.drop();
  };
  await hold(0);
  await hold(MINUTE - 1);
  assert.equal(wait(), 2);
  await hold(MINUTE);
  assert.equal(wait(), 1);
});

test("after a loss the room is resumed where it stood, with nothing lost or doubled", async () => {
  const world = new World();
  await world.enter();
  await world.socket.say([message(1), message(2), message(4)]);
  world.socket.drop();
  await world.clock.pass(1_000);
  world.socket.open();
  const question = { action: "join", room: "tea", since: 2, epoch: "e1" };
  assert.deepEqual(world.socket.take("join"), [question]);
  await world.socket.say(message(6));
  await world.socket.say(joined({ seq: 5, messages: [message(3), message(4), message(5)] }));
  assert.deepEqual(world.texts, [1, 2, 3, 4, 5, 6].map((seq) => `text ${seq}`));
});

test("a server that has forgotten the connection gets a new one", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  const [{ id }] = world.socket.take("message");
  await world.socket.say(error("unknown_connection", "reconnect", { action: "message", id }));
  assert.equal(world.sockets[0].closedWith, 1000);
  assert.equal(world.client.state.name, "offline");
  assert.equal(room.unsettled.length, 1);
  await world.clock.pass(1_000);
  world.socket.open();
  await world.socket.say(joined());
  assert.deepEqual(world.socket.take("message").map(({ resend }) => resend), [true]);
});

test("every 4 minutes there is a ping, and 15 s without any answer are the end", async () => {
  const world = new World();
  await world.enter();
  await world.clock.pass(4 * MINUTE - 1);
  await world.socket.say({ type: "novelty" });
  assert.deepEqual(world.socket.take("ping"), []);
  await world.clock.pass(1);
  assert.deepEqual(world.socket.take("ping"), [{ action: "ping", rooms: ["tea"] }]);
  await world.clock.pass(14_999);
  await world.socket.say({ type: "pong" });
  await world.clock.pass(4 * MINUTE);
  assert.equal(world.client.state.name, "live");
  await world.clock.pass(1);
  assert.equal(world.client.state.name, "offline");
  assert.equal(world.socket.closedWith, 1000);
});

test("an answer that is overdue puts the connection to the test, long before 4 minutes", async () => {
  const world = new World();
  const room = await world.enter();
  room.send("hello");
  await world.clock.pass(10_000);
  assert.equal(world.socket.take("ping").length, 1);
  await world.clock.pass(15_000);
  assert.equal(world.client.state.name, "offline");
});

test("a change of network makes the client ask at once", async () => {
  const world = new World();
  await world.enter();
  world.client.check();
  world.client.check();
  assert.equal(world.socket.take("ping").length, 1);
  await world.clock.pass(15_000);
  assert.equal(world.client.state.name, "offline");
});

test("a handshake that takes longer than the gateway's own limit is given up", async () => {
  const world = new World();
  world.client.connect();
  await world.clock.pass(29_999);
  assert.equal(world.client.state.name, "connecting");
  await world.clock.pass(1);
  assert.equal(world.client.state.name, "offline");
});

test("a socket that was given up is not listened to", async () => {
  const world = new World();
  await world.enter();
  const old = world.socket;
  world.client.check();
  await world.clock.pass(16_000);
  world.socket.open();
  await world.socket.say(joined());
  await old.say(message(1));
  old.drop();
  assert.deepEqual(world.texts, []);
  assert.equal(world.client.state.name, "live");
});

/** A client that lives until its second connection has just been dialled. */
async function grown() {
  const world = new World();
  const room = await world.enter();
  await world.enter("coffee");
  const first = world.socket;
  while (world.sockets.length === 1) {
    await world.clock.pass(MINUTE);
    await first.say({ type: "pong" });
  }
  return { world, room, first, second: world.socket };
}

test("between 105 and 115 minutes a second connection takes over, and nobody notices", async () => {
  const { world, room, first, second } = await grown();
  const states = world.states.length;
  second.open();
  const joins = second.take("join").map(({ since, epoch }) => [since, epoch]);
  assert.deepEqual(joins, [[0, "e1"], [0, "e1"]]);
  await first.say(message(1));
  await second.say(joined({ seq: 2, messages: [message(1), message(2)] }));
  await first.say(message(2));
  room.send("in between");
  const [between] = first.take("message");
  assert.equal(first.closedWith, undefined);
  await second.say(joined({ room: "coffee" }));
  assert.equal(first.closedWith, 1000);
  await second.say(message(3, { id: between.id, user: "ada" }));
  room.send("hello");
  const [{ id }] = second.take("message");
  await second.say(ack(4, id));
  assert.deepEqual(world.texts, ["text 1", "text 2", "text 3", "hello"]);
  assert.equal(world.states.length, states);
});

test("the take-over comes at a random time from 105 minutes on, before 115", async () => {
  for (const [seed, minutes] of [[least, 105], [most, 115]]) {
    const world = new World({ random: seed });
    world.client.connect();
    world.socket.open();
    for (let passed = 1; passed < minutes; passed += 1) {
      await world.clock.pass(MINUTE);
      await world.socket.say({ type: "pong" });
    }
    assert.equal(world.sockets.length, 1);
    await world.clock.pass(MINUTE);
    assert.equal(world.sockets.length, 2);
  }
});

test("a message that was on its way during the take-over is settled over the new connection", async () => {
  const { world, room, second } = await grown();
  second.open();
  const sending = room.send("hello");
  const [{ id }] = world.sockets[0].take("message");
  await second.say([joined(), joined({ room: "coffee" })]);
  await second.say(message(1, { id, user: "ada" }));
  assert.equal((await sending).seq, 1);
  assert.deepEqual(world.texts, ["text 1"]);
});

test("one whose answer was lost with the old connection is sent again after 10 s", async () => {
  const { world, room, second } = await grown();
  second.open();
  room.send("hello");
  await second.say([joined(), joined({ room: "coffee" })]);
  second.take("join");
  await world.clock.pass(10_000);
  assert.equal(second.take("join").length, 1);
  await second.say(joined());
  assert.deepEqual(second.take("message").map(({ resend }) => resend), [true]);
});

test("a question that was open during the take-over is asked on the new connection", async () => {
  const { world, room, second } = await grown();
  second.open();
  const reading = room.history({ before: 9 });
  await second.say([joined(), joined({ room: "coffee" })]);
  assert.equal(second.take("history").length, 1);
  await second.say({ type: "history", room: "tea", epoch: "e1", messages: [message(8)], more: false });
  assert.equal((await reading).messages.length, 1);
});

/** Lets a minute pass in which a socket answers every ping. */
async function aMinuteOn(world, socket) {
  for (let passed = 0; passed < MINUTE; passed += 10_000) {
    await world.clock.pass(10_000);
    if (socket.take("ping").length > 0) await socket.say({ type: "pong" });
  }
}

test("a second connection that fails is tried again after a minute, the first one stays", async () => {
  const { world, first, second } = await grown();
  second.open();
  await second.say(error("unavailable", "later", { action: "join" }));
  await second.say(joined({ room: "coffee" }));
  assert.equal(first.closedWith, undefined);
  await aMinuteOn(world, first);
  assert.equal(second.closedWith, 1000);
  assert.equal(world.sockets.length, 3);
  world.socket.drop();
  await aMinuteOn(world, first);
  assert.equal(world.sockets.length, 4);
  world.socket.open();
  await world.socket.say([joined(), joined({ room: "coffee" })]);
  assert.equal(first.closedWith, 1000);
  assert.equal(world.client.state.name, "live");
});

test("rooms joined and left while the second connection is made are so on both", async () => {
  const { world, first, second } = await grown();
  second.open();
  second.take("join");
  world.client.join("gin");
  await settled();
  world.client.leave("coffee");
  for (const socket of [first, second]) {
    assert.deepEqual(socket.take("join").at(-1), { action: "join", room: "gin" });
    assert.deepEqual(socket.take("leave").map(({ room }) => room), ["coffee"]);
  }
  await second.say([joined(), joined({ room: "gin" })]);
  assert.equal(first.closedWith, 1000);
  assert.equal(world.client.state.name, "live");
});

test("a room left and joined again meanwhile waits for the first connection's left", async () => {
  const { world, first, second } = await grown();
  second.open();
  first.take("join");
  world.client.leave("tea");
  world.client.join("tea");
  await second.say({ type: "left", room: "tea" });
  assert.deepEqual(first.take("join"), []);
  await first.say({ type: "left", room: "tea" });
  assert.deepEqual(first.take("join"), [{ action: "join", room: "tea" }]);
});

test("the connection that took over lives its own 105 minutes", async () => {
  const { world, second } = await grown();
  second.open();
  await second.say([joined(), joined({ room: "coffee" })]);
  for (let passed = 0; passed < 104; passed += 1) {
    await world.clock.pass(MINUTE);
    await second.say({ type: "pong" });
  }
  assert.equal(world.sockets.length, 2);
});

test("when the first connection is lost meanwhile, the ordinary way back is taken", async () => {
  const { world, first, second } = await grown();
  second.open();
  first.drop();
  assert.equal(second.closedWith, 1000);
  assert.equal(world.client.state.name, "offline");
  await world.clock.pass(1_000);
  world.socket.open();
  await world.socket.say([joined(), joined({ room: "coffee" })]);
  assert.equal(world.client.state.name, "live");
});

test("a closed client does nothing more", async () => {
  const world = new World({ random: seeded(3) });
  await world.enter();
  world.client.close();
  assert.equal(world.socket.closedWith, 1000);
  await world.clock.pass(3 * 60 * MINUTE);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.socket.take("ping"), []);
});
