// Fakes of the client's surroundings: time, sockets, randomness, storage.

import { Fanfare } from "../../static/client/fanfare.js";

/** Time that stands still until it is told to pass. */
export class FakeClock {
  #now = Date.UTC(2026, 10, 24, 9, 30);
  #timers = new Map();
  #count = 0;

  now = () => this.#now;

  setTimeout = (act, ms) => {
    this.#count += 1;
    this.#timers.set(this.#count, { at: this.#now + ms, act });
    return this.#count;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  /** Lets time pass, and everything happen that is due, each in its turn. */
  async pass(ms) {
    const end = this.#now + ms;
    await settled();
    for (;;) {
      const [id, timer] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (timer === undefined || timer.at > end) break;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.at);
      timer.act();
      await settled();
    }
    this.#now = end;
  }
}

/** Lets every promise that can go on go on. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The server's end of a socket, moved by a test. */
export class FakeSocket {
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    this.url = new URL(url);
    this.protocols = protocols;
  }

  open() {
    this.readyState = 1;
    this.onopen?.({});
  }

  /** Sends one frame: an object, or several as an array. */
  async say(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
    await settled();
  }

  /** Ends it as a lost network or the gateway does. */
  drop() {
    this.readyState = 3;
    this.onclose?.({ code: 1006 });
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closedWith = code;
    this.readyState = 3;
  }

  /** The frames sent since the last call, of one action. */
  take(action) {
    const taken = this.sent.filter((frame) => frame.action === action);
    this.sent = this.sent.filter((frame) => frame.action !== action);
    return taken;
  }
}

export class FakeStorage {
  #items = new Map();

  getItem = (key) => this.#items.get(key) ?? null;
  setItem = (key, value) => this.#items.set(key, value);
}

/** Repeatable random bytes (mulberry32). */
export function seeded(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return (bits ^ (bits >>> 14)) >>> 24;
  };
  return (count) => Uint8Array.from({ length: count }, next);
}

export const EPOCH = "e1";
export const ADA = { userId: "ada", username: "Ada" };

/** One client, and all that it has told so far. */
export class World {
  clock = new FakeClock();
  storage = new FakeStorage();
  sockets = [];
  events = [];

  constructor(options = {}) {
    this.open(options);
  }

  /** Makes a client, as a page does when it is loaded. */
  open(options = {}) {
    this.client = new Fanfare({
      url: "wss://example.org/api",
      username: "Ada",
      clock: this.clock,
      random: seeded(7),
      storage: this.storage,
      socket: (url, protocols) => {
        this.sockets.push(new FakeSocket(url, protocols));
        return this.socket;
      },
      ...options,
    });
    const told = ["state", "message", "presence", "signal", "gap", "error", "sent", "settled"];
    for (const type of [...told, "out", "moderated", "notice"]) {
      this.client.on(type, (detail) => this.events.push({ event: type, ...detail }));
    }
    return this.client;
  }

  /** The newest socket. */
  get socket() {
    return this.sockets.at(-1);
  }

  /** The events of one type since the beginning. */
  all(type) {
    return this.events.filter(({ event }) => event === type);
  }

  get texts() {
    return this.all("message").map(({ text }) => text);
  }

  get states() {
    return this.all("state").map(({ name }) => name);
  }

  /** Connects and joins a room that is at `seq`; returns the room. */
  async enter(name = "tea", seq = 0) {
    if (this.client.state.name === "closed") {
      this.client.connect();
      this.socket.open();
    }
    const joining = this.client.join(name);
    await settled();
    await this.socket.say(joined({ room: name, seq }));
    return joining;
  }
}

/** The next of the server's frames, as docs/protocol.md shows them. */
export function message(seq, { room = "tea", epoch = EPOCH, id = `m${seq}`, user = "bob" } = {}) {
  const timestamp = "2026-11-24T09:30:00.000Z";
  const data = { type: "chat", message: `text ${seq}`, username: user, userId: user, timestamp };
  return { type: "message", room, seq, epoch, id, data };
}

export function ack(seq, id, { room = "tea", epoch = EPOCH } = {}) {
  return { type: "ack", room, id, seq, epoch };
}

export function joined({ room = "tea", seq = 0, epoch = EPOCH, messages = [], reason } = {}) {
  const frame = { type: "joined", room, seq, epoch, members: 1, you: ADA };
  return { ...frame, recovered: reason === undefined, messages, reason };
}

export function history(messages, { room = "tea", epoch = EPOCH, more = false } = {}) {
  return { type: "history", room, epoch, messages, more };
}

export function error(code, retry, named) {
  return { type: "error", code, message: `It is ${code}.`, retry, room: "tea", ...named };
}
