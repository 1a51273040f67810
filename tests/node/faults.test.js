// Faults, all at once: reordering, doubling, losing, dying, coming back, reloading.

import assert from "node:assert/strict";
import test from "node:test";

import { Server } from "./server.js";
import { World, seeded } from "./world.js";
import { fraction } from "../../static/client/random.js";

const STEPS = 400;

/** Runs one client through faults, and then through calm until nothing is open. */
async function suffer(seed, { kept, reloads }) {
  const random = seeded(seed);
  const chance = () => fraction(random);
  const world = new World({ random });
  const server = new Server(world.clock, chance);
  server.kept = kept;
  let served = 0;
  const serve = () => {
    for (const socket of world.sockets.slice(served)) server.serve(socket);
    served = world.sockets.length;
  };
  const enter = () => {
    world.client.connect();
    world.client.join("tea").catch(() => {});
  };
  const outcomes = new Map();
  const speak = (text) => {
    outcomes.set(text, []);
    const note = (outcome) => outcomes.get(text).push(outcome);
    world.client.room("tea").send(text).then(note, (error) => error.code === "closed" || note(error));
  };

  server.calm = true;
  enter();
  serve();
  await world.clock.pass(1_000);
  const from = server.log.length;
  server.calm = false;
  for (let step = 0; step < STEPS; step += 1) {
    const dice = chance();
    if (dice < 0.35) server.say();
    else if (dice < 0.6) speak(`${seed}:${step}`);
    else if (dice < 0.64) server.cut();
    else if (reloads && dice < 0.65) {
      world.client.close();
      world.open({ random });
      enter();
    }
    serve();
    await world.clock.pass(chance() * 800);
  }
  server.calm = true;
  for (let rest = 0; rest < 600; rest += 1) {
    serve();
    await world.clock.pass(1_000);
  }
  return { world, server, from, outcomes };
}

/** Walks over deliveries and gaps; fails where a number is left out, doubled or out of order. */
function walk(world, from) {
  let place = from;
  const lost = [];
  for (const event of world.events) {
    if (event.event === "message") {
      assert.equal(event.seq, place + 1);
      place += 1;
    } else if (event.event === "gap") {
      assert.equal(event.from, place + 1);
      for (; place < event.to; place += 1) lost.push(place + 1);
    }
  }
  return { place, lost };
}

for (let seed = 1; seed <= 12; seed += 1) {
  const kept = seed % 3 === 0 ? 10 : Infinity;
  const reloads = seed % 2 === 0;
  const words = `faults ${seed}${reloads ? ", with reloads" : ""}${kept === 10 ? ", with short history" : ""}`;

  test(`${words}: the room has exactly its messages, in order, once, and each own is settled once`, async () => {
    const { world, server, from, outcomes } = await suffer(seed, { kept, reloads });
    const { place, lost } = walk(world, from);
    assert.equal(place, server.log.length);
    if (kept === Infinity) assert.deepEqual(lost, []);
    assert.deepEqual(
      world.texts,
      server.log.filter(({ seq }) => seq > from && !lost.includes(seq)).map(({ data }) => data.message),
    );
    assert.deepEqual(world.client.room("tea").unsettled, []);
    const settlements = world.all("settled");
    for (const { id, text } of world.all("sent")) {
      const copies = server.log.filter((one) => one.id === id);
      assert.equal(copies.length, 1);
      assert.equal(copies[0].data.message, text);
      assert.deepEqual(settlements.filter((one) => one.id === id).map(({ seq }) => seq), [copies[0].seq]);
      if (!reloads) assert.deepEqual(outcomes.get(text).map(({ seq }) => seq), [copies[0].seq]);
    }
    assert.ok(world.all("sent").length > 50);
    assert.ok(world.sockets.length > 2);
  });
}
