// Tokens: shown at each handshake, and renewed before they end.

import assert from "node:assert/strict";
import test from "node:test";

import { World, error, joined, settled } from "./world.js";

const EXPIRING = { type: "expiring", at: "2026-11-24T10:00:00.000Z" };

/** A function that gives the tokens `t1`, `t2`, …, and counts them. */
function issuer() {
  const issue = async () => `t${(issue.count += 1)}`;
  issue.count = 0;
  return issue;
}

/** A world whose client has connected with a token. */
async function connected(token) {
  const world = new World({ token });
  world.client.connect();
  await settled();
  world.socket.open();
  return world;
}

test("a token stands among the subprotocols, and in no address", async () => {
  const world = await connected("a.b.c");
  assert.deepEqual(world.socket.protocols, ["fanfare.v1", "a.b.c"]);
  assert.ok(!String(world.socket.url).includes("a.b.c"));
  await world.socket.say(EXPIRING);
  assert.deepEqual(world.socket.take("renew"), []);
});

test("each connection is opened with a token of its own", async () => {
  const world = await connected(issuer());
  world.socket.drop();
  await world.clock.pass(1_000);
  assert.deepEqual(world.sockets.map(({ protocols }) => protocols[1]), ["t1", "t2"]);
});

test("a refused handshake, which a browser tells nothing of, has a new token tried", async () => {
  const world = new World({ token: issuer() });
  world.client.connect();
  for (const attempt of [1, 2, 3]) {
    await settled();
    assert.equal(world.socket.protocols[1], `t${attempt}`);
    world.socket.drop();
    await world.clock.pass(world.client.state.retryAt - world.clock.now());
  }
});

test("a warning is answered with a new token, and more warnings not before half a minute", async () => {
  const world = await connected(issuer());
  await world.socket.say(EXPIRING);
  await world.socket.say([{ type: "pong" }, EXPIRING]);
  assert.deepEqual(world.socket.take("renew"), [{ action: "renew", token: "t2" }]);
  await world.clock.pass(29_999);
  await world.socket.say(EXPIRING);
  assert.deepEqual(world.socket.take("renew"), []);
  await world.clock.pass(1);
  await world.socket.say(EXPIRING);
  assert.deepEqual(world.socket.take("renew"), [{ action: "renew", token: "t3" }]);
  await world.socket.say({ type: "renewed", until: EXPIRING.at });
  assert.equal(world.client.state.name, "live");
});

test("a token that could not be renewed in time costs the connection, and nothing else", async () => {
  const world = new World({ token: issuer() });
  world.client.connect();
  await settled();
  world.socket.open();
  const room = await world.enter();
  room.send("hello");
  const [{ id }] = world.socket.take("message");
  await world.socket.say(error("token_expired", "reconnect", { action: "message", id }));
  await world.clock.pass(1_000);
  assert.equal(world.socket.protocols[1], "t2");
  world.socket.open();
  await world.socket.say(joined());
  assert.deepEqual(world.socket.take("message").map(({ message }) => message), ["hello"]);
});

test("where there is no token to be had there is no socket, and it is asked for again", async () => {
  let fails = true;
  const token = () => (fails ? Promise.reject(new Error("signed out")) : "t");
  const world = new World({ token });
  world.client.connect();
  await settled();
  assert.equal(world.sockets.length, 0);
  assert.equal(world.client.state.name, "offline");
  const [{ error: failure }] = world.all("error");
  assert.deepEqual([failure.code, failure.retry], ["no_token", "later"]);
  assert.match(failure.message, /signed out/);
  fails = false;
  await world.clock.pass(1_000);
  assert.deepEqual(world.socket.protocols, ["fanfare.v1", "t"]);
});

test("a warning whose token fails is told, and the connection goes on", async () => {
  const tokens = ["t1"];
  const token = () => {
    if (tokens.length === 0) throw new Error("signed out");
    return tokens.pop();
  };
  const world = await connected(token);
  await world.socket.say(EXPIRING);
  assert.equal(world.all("error")[0].error.code, "no_token");
  assert.equal(world.client.state.name, "live");
});

test("a client that is closed while it waits for a token opens nothing", async () => {
  const world = new World({ token: issuer() });
  world.client.connect();
  world.client.close();
  await settled();
  assert.equal(world.sockets.length, 0);
  assert.deepEqual(world.all("error"), []);
});

test("a token that never comes is given up as a connection that does not open", async () => {
  const world = new World({ token: () => new Promise(() => {}) });
  world.client.connect();
  await world.clock.pass(30_000);
  assert.equal(world.client.state.name, "offline");
});
