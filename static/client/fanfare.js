// Fanfare: a client for rooms over one lasting connection (docs/protocol.md).

import { DeferredSocket } from "./deferred-socket.js";
import { LeaveRequests } from "./membership.js";
import { Persistence } from "./persistence.js";
import { FanfareError, SUBPROTOCOL, checkRoomName, readError } from "./protocol.js";
import { REAL_RANDOM, token } from "./random.js";
import { Reconnector } from "./reconnector.js";
import { Room } from "./room.js";
import { SendQueue } from "./send-queue.js";
import { REAL_CLOCK } from "./timer.js";
import { TokenRenewal } from "./token-renewal.js";

export { FanfareError, MESSAGE_LIMIT, messageSize } from "./protocol.js";

/** @import { Connection } from "./connection.js" */
/** @import { Options, Position, Random, State, User } from "./fanfare.d.ts" */
/** @import { Frame } from "./protocol.js" */

const SESSION_BYTES = 16;

/**
 * Code and message of each reason for which the server ends a membership.
 *
 * @type {Record<string, [string, string]>}
 */
const ENDINGS = {
  kicked: ["kicked", "A moderator has put you out of the room."],
  banned: ["banned", "A moderator has banned you from the room."],
  rights: ["forbidden", "You have no right to be in the room any more."],
};

/** Client of one server, under one name, until it is closed; fanfare.d.ts documents its use. */
export class Fanfare {
  #persistence;
  #sendQueue;
  #reconnector;
  #context;
  /** @type {TokenRenewal | null} */
  #renewal = null;
  /** @type {Record<string, Position | null>} */
  #positions;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** A room that is being left is joined again only after that. */
  #leaveRequests;
  #events = new EventTarget();
  #self = { you: /** @type {User | null} */ (null) };
  /** @type {State} */
  #state = { name: "closed" };

  /** @param {Options} options */
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
    this.#persistence = new Persistence(storage, String(url));
    this.#sendQueue = new SendQueue(this.#persistence);
    this.#positions = this.#persistence.read("positions", {});
    const address = new URL(url);
    address.searchParams.set("username", username);
    address.searchParams.set("session", session ?? this.#session(random));
    this.#context = {
      clock,
      random,
      sendQueue: this.#sendQueue,
      self: this.#self,
      emit: this.#emit.bind(this),
      onChange: this.#onRoomChange.bind(this),
    };
    this.#leaveRequests = new LeaveRequests(
      clock,
      (frame) => this.#reconnector.current?.send(frame) ?? false,
      (name) => this.#left(name, this.#reconnector.current),
    );
    // A browser gives up on a server that selects none of the subprotocols that it is offered.
    const offers = address.searchParams.get("protocol") === SUBPROTOCOL ? [] : [SUBPROTOCOL];
    /** @param {string} token */
    const open = (token) => socket(String(address), [...offers, ...(token ? [token] : [])]);
    let dial = () => open(String(credential));
    if (typeof credential === "function") {
      const fail = this.#reportTokenFailure.bind(this);
      this.#renewal = new TokenRenewal(credential, clock, fail);
      dial = () => new DeferredSocket(credential, open, fail);
    }
    this.#reconnector = new Reconnector(dial, { clock, random }, {
      ping: () => this.#ping(),
      onUp: (connection) => this.#joinAll((room) => room.attach(connection)),
      onSuccessor: (connection) => {
        this.#joinAll((room) => room.join(connection));
        this.#promote();
      },
      onDown: () => this.#detachAll(),
      onFrame: (frame, connection) => this.#receive(frame, connection),
      onChange: () => this.#updateState(),
    });
  }

  get state() {
    return this.#state;
  }

  get remembered() {
    return Object.keys(this.#positions);
  }

  /**
   * @param {string} type
   * @param {(detail: any) => void} listener
   */
  on(type, listener) {
    const call = (/** @type {any} */ { detail }) => listener(detail);
    this.#events.addEventListener(type, call);
    return () => this.#events.removeEventListener(type, call);
  }

  connect() {
    this.#reconnector.open();
  }

  close() {
    this.#reconnector.close();
    const reason = "The client was closed. The message is kept, and sent when there is one again.";
    const error = new FanfareError("closed", reason);
    for (const room of this.#rooms.values()) room.close(error);
    this.#sendQueue.close(error);
    this.#rooms.clear();
    this.#setState({ name: "closed" });
  }

  check() {
    this.#reconnector.check();
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
    const room = new Room(name, this.#positions[name] ?? null, this.#context);
    this.#rooms.set(name, room);
    this.#onRoomChange(room);
    if (!this.#leaveRequests.has(name)) this.#attach(room);
    return room.ready;
  }

  /** @param {string} name */
  leave(name) {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    this.#forget(room, new FanfareError("left", `The room "${name}" has been left.`));
    this.#leaveRequests.send(name);
    this.#reconnector.successor?.send({ action: "leave", room: name });
    this.#promote();
  }

  /**
   * @param {string} type
   * @param {any} detail
   */
  #emit(type, detail) {
    this.#events.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** @param {Random} random */
  #session(random) {
    const session = this.#persistence.read("session", null) ?? token(SESSION_BYTES, random);
    this.#persistence.write("session", session);
    return session;
  }

  /** @param {Room} room */
  #attach(room) {
    const { current, successor } = this.#reconnector;
    if (current !== null) room.attach(current);
    if (successor !== null) room.join(successor);
  }

  /** The ping frame; its pong names the rooms' positions, which shows a lost newest message. */
  #ping() {
    const rooms = [...this.#rooms.values()].filter((room) => room.complete).map(({ name }) => name);
    return rooms.length > 0 ? { action: "ping", rooms } : { action: "ping" };
  }

  /** @param {Frame} pong */
  #receivePong({ rooms = {} }) {
    for (const [name, position] of Object.entries(rooms)) this.#rooms.get(name)?.compare(position);
  }

  /** @param {(room: Room) => void} join */
  #joinAll(join) {
    for (const [name, room] of this.#rooms) if (!this.#leaveRequests.has(name)) join(room);
  }

  #detachAll() {
    this.#leaveRequests.clear();
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
    this.#persistence.write("positions", this.#positions);
    this.#updateState();
  }

  /** @param {Room} room */
  #onRoomChange(room) {
    if (this.#rooms.get(room.name) !== room) return;
    this.#positions[room.name] = room.position;
    this.#persistence.write("positions", this.#positions);
    this.#updateState();
  }

  /**
   * @param {Frame} frame
   * @param {Connection} connection
   */
  #receive(frame, connection) {
    const { type } = frame;
    if (type === "pong") this.#receivePong(frame);
    else if (type === "expiring") this.#renewal?.answer(connection);
    else if (type === "notice") this.#receiveNotice(frame, connection);
    else if (type === "left" && frame.reason) this.#endMembership(frame);
    else if (type === "left") this.#left(frame.room, connection);
    else if (type === "error") this.#receiveError(frame, connection);
    else if (type === undefined && frame.message) this.#receiveGatewayError(frame, connection);
    else this.#rooms.get(frame.room)?.receive(frame, connection);
    this.#promote();
  }

  /**
   * @param {string} name
   * @param {Connection | null} connection
   */
  #left(name, connection) {
    if (connection !== this.#reconnector.current || !this.#leaveRequests.settle(name)) return;
    const room = this.#rooms.get(name);
    if (room) this.#attach(room);
  }

  /**
   * The server has ended a membership; the frame comes on every connection of the user.
   *
   * @param {Frame} frame
   */
  #endMembership({ room: name, reason }) {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    const error = new FanfareError(...(ENDINGS[reason] ?? ENDINGS.kicked));
    this.#forget(room, error);
    this.#emit("out", { room: name, error });
  }

  /**
   * While there are two connections, a notice comes on both.
   *
   * @param {Frame} notice
   * @param {Connection} connection
   */
  #receiveNotice({ id, message, timestamp, from }, connection) {
    if (connection !== this.#reconnector.current) return;
    this.#emit("notice", { id, text: message, at: new Date(timestamp), from });
  }

  /**
   * @param {Frame} frame
   * @param {Connection} connection
   */
  #receiveError(frame, connection) {
    if (frame.action === "leave") this.#receiveLeaveError(frame, connection);
    if (frame.code === "slow_down" && connection === this.#reconnector.current) {
      // The server answers only some of its refusals, so every pending request may be refused.
      for (const room of this.#rooms.values()) room.doubt(frame.retryAfter);
      if (frame.room === undefined) return;
    }
    if (frame.retry === "reconnect") {
      connection.end();
      return;
    }
    const room = this.#rooms.get(frame.room);
    if (room === undefined) {
      this.#emit("error", { room: frame.room, error: readError(frame) });
      return;
    }
    // A failure on a second connection is made good by the next one.
    if (connection !== this.#reconnector.current) return;
    const end = room.refuse(frame);
    if (end === null) return;
    this.#forget(room, end);
    this.#emit("error", { room: frame.room, error: end });
  }

  /**
   * @param {Frame} refusal of a `leave`
   * @param {Connection} connection
   */
  #receiveLeaveError({ room, retry, retryAfter }, connection) {
    if (retry !== "later") this.#left(room, connection);
    else if (connection === this.#reconnector.current) this.#leaveRequests.repeat(room, retryAfter);
  }

  /** @param {Error} error */
  #reportTokenFailure({ message }) {
    this.#emit("error", { error: new FanfareError("no_token", `No token: ${message}`) });
  }

  /**
   * Errors of the gateway itself have no type.
   *
   * @param {Frame} frame
   * @param {Connection} connection
   */
  #receiveGatewayError({ message, requestId }, connection) {
    const error = new FanfareError("unavailable", `${message} (request ${requestId})`);
    for (const name of this.#leaveRequests.rooms) this.#left(name, connection);
    for (const room of this.#rooms.values()) room.doubt();
    this.#emit("error", { error });
  }

  /** Lets the second connection take over once every room has been joined on it. */
  #promote() {
    const { successor } = this.#reconnector;
    if (successor === null) return;
    const rooms = [...this.#rooms.values()].filter(({ name }) => !this.#leaveRequests.has(name));
    if (rooms.some((room) => room.awaits(successor))) return;
    this.#reconnector.promote(successor);
    for (const room of rooms) room.moveTo(successor);
  }

  #updateState() {
    const { current, retryAt } = this.#reconnector;
    const incomplete = [...this.#rooms.values()].some((room) => !room.complete);
    if (retryAt !== null) this.#setState({ name: "offline", retryAt });
    else if (current === null) this.#setState({ name: "connecting" });
    else this.#setState({ name: incomplete ? "catching-up" : "live" });
  }

  /** @param {State} state */
  #setState(state) {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return;
    this.#state = state;
    this.#emit("state", state);
  }
}
