// A server of one room on a bad network, as docs/protocol.md tells it, in a few lines.

import { EPOCH, ack, history, joined, message } from "./world.js";

const DEDUPLICATION_MS = 5 * 60_000;
const PAGE = 7;

/**
 * Numbers what it is sent, and answers over sockets that delay, reorder, double and lose frames.
 *
 * `chance()` returns a number from 0 up to 1, and decides everything.
 */
export class Server {
  log = [];
  kept = Infinity;
  calm = false;
  #clock;
  #chance;
  #accepted = new Map();
  #members = new Set();
  #served = new Set();

  constructor(clock, chance) {
    this.#clock = clock;
    this.#chance = chance;
  }

  /** Takes the client's side of a socket over. */
  serve(socket) {
    socket.send = (text) => this.#later(() => this.#handle(socket, JSON.parse(text)), socket);
    this.#later(() => socket.open());
    this.#served.add(socket);
  }

  /** Somebody else says something. */
  say() {
    this.#number(null, message(this.log.length + 1));
  }

  /** Ends every connection, at times without a word. */
  cut() {
    const silent = this.#chance() < 0.3;
    for (const socket of this.#served) if (!silent) socket.drop();
    this.#served.clear();
    this.#members.clear();
  }

  /** Does something to a frame's way: it comes late, twice or never. */
  #later(act, socket) {
    const bad = !this.calm && socket !== undefined;
    if (bad && this.#chance() < 0.05) return;
    const times = bad && this.#chance() < 0.1 ? 2 : 1;
    for (let time = 0; time < times; time += 1) {
      const delay = this.#chance() < 0.1 ? 3_000 : 200;
      this.#clock.setTimeout(act, this.#chance() * (this.calm ? 20 : delay));
    }
  }

  #tell(socket, frame) {
    this.#later(() => socket.readyState === 1 && socket.say(frame), socket);
  }

  #handle(socket, frame) {
    if (socket.readyState !== 1 || !this.#served.has(socket)) return;
    const { action, since, after, before, limit = PAGE } = frame;
    const old = this.log.slice(-this.kept);
    if (action === "ping") {
      const place = { seq: this.log.length, epoch: EPOCH };
      this.#tell(socket, { type: "pong", rooms: this.#members.has(socket) ? { tea: place } : {} });
    } else if (action === "join") {
      this.#members.add(socket);
      const missed = since === undefined ? [] : old.filter(({ seq }) => seq > since);
      const messages = missed.slice(0, PAGE);
      const end = messages.at(-1)?.seq ?? since;
      let reason;
      if (since < this.log.length && messages[0]?.seq !== since + 1) reason = "expired";
      else if (end < this.log.length) reason = "more";
      this.#tell(socket, joined({ seq: this.log.length, messages, reason }));
    } else if (action === "history") {
      const found = old.filter(({ seq }) => (after === undefined || seq > after) && seq < (before ?? Infinity));
      const size = Math.min(limit, PAGE);
      const page = after === undefined ? found.slice(-size) : found.slice(0, size);
      this.#tell(socket, history(page, { more: page.length < found.length }));
    } else if (action === "message" && this.#members.has(socket)) {
      this.#accept(socket, frame);
    }
  }

  #accept(socket, { id, message: text, resend }) {
    const known = this.log.find((one) => one.id === id);
    if (known && resend) this.#tell(socket, ack(known.seq, id));
    const recent = this.#clock.now() - (this.#accepted.get(id) ?? -Infinity) < DEDUPLICATION_MS;
    if (known || (recent && !resend)) return;
    this.#accepted.set(id, this.#clock.now());
    const frame = message(this.log.length + 1, { id, user: "ada" });
    frame.data.message = text;
    this.#number(socket, frame);
  }

  #number(sender, frame) {
    this.log.push({ ...frame, epoch: EPOCH });
    for (const member of this.#members) {
      this.#tell(member, member === sender ? ack(frame.seq, frame.id) : frame);
    }
  }
}
