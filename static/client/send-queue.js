// Send queue: one's own messages, kept until the server has numbered or refused them.

import { ANSWER_MS, FanfareError, MESSAGE_LIMIT, messageSize } from "./protocol.js";
import { token } from "./random.js";
import { Timer } from "./timer.js";

/** @import { Connection } from "./connection.js" */
/** @import { Message, Position } from "./fanfare.d.ts" */
/** @import { Persistence } from "./persistence.js" */
/** @import { Frame } from "./protocol.js" */
/** @import { RoomContext } from "./room.js" */
/** @import { Entry } from "./timeline.js" */

/**
 * @typedef {object} Unsettled
 * @property {string} room
 * @property {string} id
 * @property {string} text
 * @property {number} at when it was written, in milliseconds since 1970
 * @property {boolean} tried whether it may have been sent before
 * @property {(place: Position) => void} resolve
 * @property {(error: FanfareError) => void} reject
 */

const LIMIT = 200;
const ID_BYTES = 9;
const STORED_AS = "unsettled";
const ignore = () => {};

/** Unsettled messages of all rooms, oldest first, at most 200; a reload does not lose them. */
export class SendQueue {
  #persistence;
  /** @type {Unsettled[]} */
  #messages;

  /** @param {Persistence} persistence */
  constructor(persistence) {
    this.#persistence = persistence;
    // They may have been sent before the page was left, so each is sent as a repetition.
    const rest = { tried: true, resolve: ignore, reject: ignore };
    /** @type {Unsettled[]} */
    const stored = persistence.read(STORED_AS, []);
    this.#messages = stored.map((message) => ({ ...message, ...rest }));
  }

  /**
   * @param {Unsettled} message
   * @throws {FanfareError} `queue_full`
   */
  add(message) {
    if (this.#messages.length >= LIMIT) {
      const reason = `${LIMIT} messages are waiting to be sent already. Send this one again later.`;
      throw new FanfareError("queue_full", reason);
    }
    this.#messages.push(message);
    this.#save();
  }

  /** @param {string} room */
  of(room) {
    return this.#messages.filter((message) => message.room === room);
  }

  /** @param {Unsettled} message */
  remove(message) {
    this.#messages = this.#messages.filter((other) => other !== message);
    this.#save();
  }

  /**
   * Rejects the promises; the messages stay stored for the next client.
   *
   * @param {FanfareError} error
   */
  close(error) {
    for (const { reject } of this.#messages) reject(error);
  }

  #save() {
    const stored = this.#messages.map(({ room, id, text, at }) => ({ room, id, text, at }));
    this.#persistence.write(STORED_AS, stored);
  }
}

/**
 * Sender of one room's messages: each goes out when the one before it is settled.
 *
 * The functions behind the gateway handle frames side by side, so two messages in flight could get
 * their numbers in either order.
 */
export class Sender {
  #room;
  #context;
  #timeout;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {Unsettled | null} */
  #inFlight = null;

  /**
   * @param {string} room
   * @param {RoomContext} context
   * @param {() => void} onTimeout called when the answer to a message is overdue
   */
  constructor(room, context, onTimeout) {
    this.#room = room;
    this.#context = context;
    this.#timeout = new Timer(context.clock, onTimeout);
  }

  /** Unsettled messages of the room, oldest first. */
  get unsettled() {
    return this.#context.sendQueue.of(this.#room);
  }

  /**
   * Begins to send; the room is complete there, so that each message it showed is settled.
   *
   * @param {Connection} connection
   */
  attach(connection) {
    this.detach();
    this.#connection = connection;
    this.#sendNext();
  }

  /**
   * Goes on over another connection, without a break.
   *
   * @param {Connection} connection
   */
  moveTo(connection) {
    if (this.#connection !== null) this.#connection = connection;
  }

  detach() {
    this.#connection = null;
    this.#inFlight = null;
    this.#timeout.stop();
  }

  /**
   * @param {string} text
   * @returns {Promise<Position>}
   */
  send(text) {
    const { clock, random, sendQueue, emit } = this.#context;
    const promise = new Promise((resolve, reject) => {
      const size = messageSize(text);
      if (size > MESSAGE_LIMIT) {
        const reason = `The message takes ${size} bytes; ${MESSAGE_LIMIT} is the limit.`;
        throw new FanfareError("too_large", reason);
      }
      const at = clock.now();
      const id = token(ID_BYTES, random);
      const fresh = { room: this.#room, id, text: text.toWellFormed(), at };
      sendQueue.add({ ...fresh, tried: false, resolve, reject });
      emit("sent", { ...fresh, at: new Date(at) });
      this.#sendNext();
    });
    // `settled` tells of every refusal, so nobody has to catch this one.
    promise.catch(ignore);
    return promise;
  }

  /**
   * Settles a message of one's own that has come, and marks it as such.
   *
   * @param {Message} message
   * @returns {Message}
   */
  claim(message) {
    if (message.userId !== this.#context.self.you?.userId) return message;
    this.#resolve(message.id, message);
    return { ...message, own: true };
  }

  /**
   * Settles a message by its ack; returns the message, as far as its text is still known.
   *
   * @param {Frame} ack
   * @returns {Entry}
   */
  acknowledge({ id, seq, epoch }) {
    const { you } = this.#context.self;
    const sent = this.#find(id);
    if (sent === undefined || you === null) return { seq, epoch, message: null };
    this.#resolve(id, { seq, epoch });
    const { room, text, at } = sent;
    const { userId, username } = you;
    const own = { userId, username, at: new Date(at), own: true };
    return { seq, epoch, message: { room, seq, epoch, id, type: "chat", text, ...own } };
  }

  /**
   * @param {string} id
   * @param {FanfareError} error
   */
  reject(id, error) {
    this.#settle(id, { error })?.reject(error);
  }

  /** @param {FanfareError} error */
  end(error) {
    this.detach();
    for (const { id } of this.unsettled) this.reject(id, error);
  }

  /** @param {string} id */
  #find(id) {
    return this.unsettled.find((message) => message.id === id);
  }

  /**
   * @param {string} id
   * @param {Position} position
   */
  #resolve(id, { seq, epoch }) {
    this.#settle(id, { seq, epoch })?.resolve({ seq, epoch });
  }

  /**
   * @param {string} id
   * @param {object} outcome
   */
  #settle(id, outcome) {
    const message = this.#find(id);
    if (message === undefined) return undefined;
    this.#context.sendQueue.remove(message);
    this.#context.emit("settled", { room: this.#room, id, ...outcome });
    if (message === this.#inFlight) {
      this.#inFlight = null;
      this.#timeout.stop();
    }
    this.#sendNext();
    return message;
  }

  #sendNext() {
    const [message] = this.unsettled;
    if (this.#connection === null || this.#inFlight !== null || message === undefined) return;
    const { id, text, tried } = message;
    const frame = { action: "message", room: this.#room, message: text, type: "chat", id };
    if (!this.#connection.send(tried ? { ...frame, resend: true } : frame)) return;
    message.tried = true;
    this.#inFlight = message;
    this.#timeout.start(ANSWER_MS);
  }
}
