// Fanfare's client: rooms over one lasting connection. docs/protocol.md tells what it follows.

import { Connection } from "./reconnector.js";
import { Emitter } from "./emitter.js";
import { FanfareError } from "./errors.js";
import { Keep } from "./persistence.js";
import { LateSocket } from "./deferred-socket.js";
import { Leaving } from "./leaving.js";
import { Outbox } from "./outbox.js";
import { Renewal } from "./token-renewal.js";
import { Room } from "./room.js";
import { REAL_CLOCK } from "./timer.js";
import { REAL_RANDOM, SUBPROTOCOL, checkRoomName, readError, token } from "./protocol.js";

export { FanfareError } from "./errors.js";
export { MESSAGE_LIMIT, messageSize } from "./protocol.js";

/** @import { Keeper } from "./persistence.js" */
/** @import { Link, SocketLike } from "./connection.js" */
/** @import { Clock } from "./timer.js" */
/** @import { Frame, Position, Random, User } from "./protocol.js" */

const SESSION_BYTES = 16;

/** Why the server ends a membership. @type {Record<string, [string, string]>} */
const OUT = {
  kicked: ["kicked", "A moderator has put you out of the room."],
  banned: ["banned", "A moderator has banned you from the room."],
  rights: ["forbidden", "You have no right to be in the room any more."],
};

/**
 * What the client is doing: `catching-up` while a room is incomplete, `live` when none is;
 * `retryAt` (ms since 1970) is when an `offline` one tries again.
 *
 * @typedef {{ name: "closed" | "connecting" | "catching-up" | "live" }
 *   | { name: "offline", retryAt: number }} State
 */

/**
 * Takes part in rooms under one name; fanfare.d.ts tells the events.
 *
 * Once closed, it is not used again.
 */
export class Fanfare {
  #keep;
  #outbox;
  #connection;
  #surroundings;
  /** @type {Renewal | null} */
  #renewal = null;
  /** @type {Record<string, Position | null>} */
  #positions;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** These are not joined again before they are left. */
  #leaving;
  #events = new Emitter();
  #self = { you: /** @type {User | null} */ (null) };
  /** @type {State} */
  #state = { name: "closed" };

  /**
   * @param {object} options
   * @param {string | URL} options.url of the WebSocket API
   * @param {string} [options.username] unless a token tells it
   * @param {string | (() => string | Promise<string>)} [options.token] or what gets a new one
   * @param {string} [options.session] instead of the one in the storage, or a new one
   * @param {(url: string, protocols: string[]) => SocketLike} [options.socket]
   * @param {Clock} [options.clock]
   * @param {Random} [options.random]
   * @param {Keeper | null} [options.storage] where to keep what shall outlive this page
   */
  constructor({
    url,
    username = "",
    token: credential = "",
    session,
    socket = (address, protocols) => new WebSocket(address, protocols),
    clock = REAL_CLOCK,
    random = REAL_RANDOM,
    storage = null,
  }) {
    this.#keep = new Keep(storage, String(url));
    this.#outbox = new Outbox(this.#keep);
    this.#positions = this.#keep.read("positions", {});
    const address = new URL(url);
    address.searchParams.set("username", username);
    address.searchParams.set("session", session ?? this.#session(random));
    this.#surroundings = {
      clock,
      random,
      outbox: this.#outbox,
      self: this.#self,
      emit: this.#events.emit.bind(this.#events),
      onChange: this.#keepRoom.bind(this),
    };
    this.#leaving = new Leaving(
      clock,
      (frame) => this.#connection.current?.send(frame) ?? false,
      (name) => this.#left(name, this.#connection.current),
    );
    // A browser gives up on a server that selects none of the subprotocols that it is offered.
    const offers = address.searchParams.get("protocol") === SUBPROTOCOL ? [] : [SUBPROTOCOL];
    /** @param {string} shown */
    const open = (shown) => socket(String(address), [...offers, ...(shown ? [shown] : [])]);
    let dial = () => open(String(credential));
    if (typeof credential === "function") {
      const fail = this.#lackToken.bind(this);
      this.#renewal = new Renewal(credential, clock, fail);
      dial = () => new LateSocket(credential, open, fail);
    }
    this.#connection = new Connection(dial, { clock, random }, {
      ping: () => this.#ping(),
      onUp: (link) => this.#joinAll((room) => room.attach(link)),
      onSuccessor: (link) => {
        this.#joinAll((room) => room.join(link));
        this.#promote();
      },
      onDown: () => this.#goDown(),
      onFrame: (frame, link) => this.#receive(frame, link),
      onChange: () => this.#showState(),
    });
  }

  get state() {
    return this.#state;
  }

  /** The rooms that the storage knows from before, and those joined since. */
  get remembered() {
    return Object.keys(this.#positions);
  }

  /**
   * Calls a listener with each event of a type, until the returned function is called.
   *
   * @param {string} type
   * @param {(detail: any) => void} listener
   */
  on(type, listener) {
    return this.#events.on(type, listener);
  }

  connect() {
    this.#connection.open();
  }

  /** Unsettled messages stay in the storage, for the next client that has it. */
  close() {
    this.#connection.close();
    const reason = "The client was closed. The message is kept, and sent when there is one again.";
    const error = new FanfareError("closed", reason);
    for (const room of this.#rooms.values()) room.close(error);
    this.#outbox.close(error);
    this.#rooms.clear();
    this.#setState({ name: "closed" });
  }

  /** The network may have changed: ends the wait, or finds out whether the connection lives. */
  check() {
    this.#connection.check();
  }

  /** @param {string} name */
  room(name) {
    return this.#rooms.get(name);
  }

  /** @param {string} name */
  async join(name) {
    checkRoomName(name);
    const known = this.#rooms.get(name);
    if (known) return known.ready;
    const room = new Room(name, this.#positions[name] ?? null, this.#surroundings);
    this.#rooms.set(name, room);
    this.#keepRoom(room);
    if (!this.#leaving.has(name)) this.#attach(room);
    return room.ready;
  }

  /** @param {string} name */
  leave(name) {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    this.#forget(room, new FanfareError("left", `The room "${name}" has been left.`));
    this.#leaving.ask(name);
    this.#connection.successor?.send({ action: "leave", room: name });
    this.#promote();
  }

  /** @param {Random} random */
  #session(random) {
    const session = this.#keep.read("session", null) ?? token(SESSION_BYTES, random);
    this.#keep.write("session", session);
    return session;
  }

  /** @param {Room} room */
  #attach(room) {
    const { current, successor } = this.#connection;
    if (current !== null) room.attach(current);
    if (successor !== null) room.join(successor);
  }

  /** A sign of life also tells how far the rooms are, and so of a newest message that was lost. */
  #ping() {
    const rooms = [...this.#rooms.values()].filter((room) => room.complete).map(({ name }) => name);
    return rooms.length > 0 ? { action: "ping", rooms } : { action: "ping" };
  }

  /** @param {Frame} pong */
  #compare({ rooms = {} }) {
    for (const [name, position] of Object.entries(rooms)) this.#rooms.get(name)?.notice(position);
  }

  /** @param {(room: Room) => void} join */
  #joinAll(join) {
    for (const [name, room] of this.#rooms) if (!this.#leaving.has(name)) join(room);
  }

  #goDown() {
    this.#leaving.clear();
    for (const room of this.#rooms.values()) room.detach();
  }

  /**
   * @param {Room} room
   * @param {FanfareError} error
   */
  #forget(room, error) {
    this.#rooms.delete(room.name);
    room.end(error);
    delete this.#positions[room.name];
    this.#keep.write("positions", this.#positions);
    this.#showState();
  }

  /** @param {Room} room */
  #keepRoom(room) {
    if (this.#rooms.get(room.name) !== room) return;
    this.#positions[room.name] = room.position;
    this.#keep.write("positions", this.#positions);
    this.#showState();
  }

  /**
   * @param {Frame} frame
   * @param {Link} link
   */
  #receive(frame, link) {
    if (frame.type === "pong") this.#compare(frame);
    else if (frame.type === "expiring") this.#renewal?.answer(link);
    else if (frame.type === "notice") this.#hear(frame, link);
    else if (frame.type === "left" && frame.reason) this.#putOut(frame);
    else if (frame.type === "left") this.#left(frame.room, link);
    else if (frame.type === "error") this.#refuse(frame, link);
    else if (frame.type === undefined && frame.message !== undefined) this.#fail(frame, link);
    else this.#rooms.get(frame.room)?.receive(frame, link);
    this.#promote();
  }

  /**
   * @param {string} name
   * @param {Link | null} link
   */
  #left(name, link) {
    if (link !== this.#connection.current || !this.#leaving.end(name)) return;
    const room = this.#rooms.get(name);
    if (room) this.#attach(room);
  }

  /**
   * The server has ended a membership; it says so on every connection of the user.
   *
   * @param {Frame} frame
   */
  #putOut({ room: name, reason }) {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    const error = new FanfareError(...(OUT[reason] ?? OUT.kicked));
    this.#forget(room, error);
    this.#events.emit("out", { room: name, error });
  }

  /**
   * While there are two links, both bring it.
   *
   * @param {Frame} notice
   * @param {Link} link
   */
  #hear({ id, message, timestamp, from }, link) {
    if (link !== this.#connection.current) return;
    this.#events.emit("notice", { id, text: message, at: new Date(timestamp), from });
  }

  /**
   * @param {Frame} frame
   * @param {Link} link
   */
  #refuse(frame, link) {
    if (frame.action === "leave") this.#stay(frame, link);
    if (frame.code === "slow_down" && link === this.#connection.current) {
      // Not every refusal is answered, so whatever is open may have been refused too.
      for (const room of this.#rooms.values()) room.doubt(frame.retryAfter);
      if (frame.room === undefined) return;
    }
    if (frame.retry === "reconnect") {
      link.end();
      return;
    }
    const room = this.#rooms.get(frame.room);
    if (room === undefined) {
      this.#events.emit("error", { room: frame.room, error: readError(frame) });
      return;
    }
    // What goes wrong while a second link is prepared is made good by preparing another one.
    if (link !== this.#connection.current) return;
    const end = room.refuse(frame);
    if (end === null) return;
    this.#forget(room, end);
    this.#events.emit("error", { room: frame.room, error: end });
  }

  /**
   * @param {Frame} refusal of a `leave`
   * @param {Link} link
   */
  #stay({ room, retry, retryAfter }, link) {
    if (retry !== "later") this.#left(room, link);
    else if (link === this.#connection.current) this.#leaving.askLater(room, retryAfter);
  }

  /** @param {Error} error */
  #lackToken({ message }) {
    this.#events.emit("error", { error: new FanfareError("no_token", `No token: ${message}`) });
  }

  /**
   * The gateway speaks for itself, in a form without a type.
   *
   * @param {Frame} frame
   * @param {Link} link
   */
  #fail({ message, requestId }, link) {
    const error = new FanfareError("unavailable", `${message} (request ${requestId})`);
    for (const name of this.#leaving.names) this.#left(name, link);
    for (const room of this.#rooms.values()) room.doubt();
    this.#events.emit("error", { error });
  }

  /** Lets the second link take over once every room has been joined on it. */
  #promote() {
    const { successor } = this.#connection;
    if (successor === null) return;
    const rooms = [...this.#rooms.values()].filter(({ name }) => !this.#leaving.has(name));
    if (rooms.some((room) => room.awaits(successor))) return;
    this.#connection.promote(successor);
    for (const room of rooms) room.moveTo(successor);
  }

  #showState() {
    const { current, retryAt } = this.#connection;
    const incomplete = [...this.#rooms.values()].some((room) => !room.complete);
    if (retryAt !== null) this.#setState({ name: "offline", retryAt });
    else if (current === null) this.#setState({ name: "connecting" });
    else this.#setState({ name: incomplete ? "catching-up" : "live" });
  }

  /** @param {State} state */
  #setState(state) {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#events.emit("state", state);
  }
}
