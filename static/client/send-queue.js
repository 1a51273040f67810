// One's own messages to one room, on their way.

import { Timer } from "./timer.js";
import { FanfareError } from "./errors.js";
import { MESSAGE_LIMIT, messageSize, token } from "./protocol.js";

/** @import { Link } from "./connection.js" */
/** @import { Unsettled } from "./outbox.js" */
/** @import { Surroundings } from "./room.js" */
/** @import { Entry } from "./timeline.js" */
/** @import { Frame, Message, Position } from "./protocol.js" */

const ANSWER_MS = 10_000;
const ID_BYTES = 9;

/**
 * Sends while it has a link, and keeps what is not settled.
 *
 * Each message goes out when the one before it is settled: the functions behind the gateway handle
 * frames side by side, so that two in flight could get their numbers in either order.
 */
export class Outbound {
  #room;
  #surroundings;
  #patience;
  /** @type {Link | null} */
  #link = null;
  /** @type {Unsettled | null} */
  #inFlight = null;

  /**
   * @param {string} room
   * @param {Surroundings} surroundings
   * @param {() => void} onSilence called when a message has waited too long for its answer
   */
  constructor(room, surroundings, onSilence) {
    this.#room = room;
    this.#surroundings = surroundings;
    this.#patience = new Timer(surroundings.clock, onSilence);
  }

  /** Those that are not settled, oldest first. */
  get unsettled() {
    return this.#surroundings.outbox.of(this.#room);
  }

  /**
   * Begins to send; the room is complete there, so that what it showed is settled.
   *
   * @param {Link} link
   */
  attach(link) {
    this.detach();
    this.#link = link;
    this.#sendNext();
  }

  /**
   * Goes on over another link, without a break.
   *
   * @param {Link} link
   */
  moveTo(link) {
    if (this.#link !== null) this.#link = link;
  }

  detach() {
    this.#link = null;
    this.#inFlight = null;
    this.#patience.stop();
  }

  /**
   * @param {string} text
   * @returns {Promise<Position>}
   */
  say(text) {
    const { clock, random, outbox, emit } = this.#surroundings;
    const promise = new Promise((resolve, reject) => {
      const size = messageSize(text);
      if (size > MESSAGE_LIMIT) {
        const reason = `The message takes ${size} bytes; ${MESSAGE_LIMIT} is the limit.`;
        throw new FanfareError("too_large", reason);
      }
      const at = clock.now();
      const fresh = { room: this.#room, id: token(ID_BYTES, random), text: text.toWellFormed(), at };
      outbox.add({ ...fresh, tried: false, resolve, reject });
      emit("sent", { ...fresh, at: new Date(at) });
      this.#sendNext();
    });
    // `settled` tells of every refusal, so nobody has to catch this one.
    promise.catch(() => {});
    return promise;
  }

  /**
   * Knows one's own message, which is settled by its coming.
   *
   * @param {Message} message
   * @returns {Message}
   */
  claim(message) {
    if (message.userId !== this.#surroundings.self.you?.userId) return message;
    this.#settle(message.id, message);
    return { ...message, own: true };
  }

  /**
   * Makes of an ack the message that it stands for, as far as its text is still known.
   *
   * @param {Frame} ack
   * @returns {Entry}
   */
  acknowledge({ id, seq, epoch }) {
    const { outbox, self } = this.#surroundings;
    const sent = outbox.find(this.#room, id);
    if (sent === undefined || self.you === null) return { seq, epoch, message: null };
    this.#settle(id, { seq, epoch });
    const { room, text, at } = sent;
    const place = { room, seq, epoch, id };
    const { userId, username } = self.you;
    const own = { userId, username, at: new Date(at), own: true };
    return { seq, epoch, message: { ...place, type: "chat", text, ...own } };
  }

  /**
   * @param {string} id
   * @param {FanfareError} error
   */
  refuse(id, error) {
    this.#close(id, { error })?.reject(error);
  }

  /** @param {FanfareError} error */
  end(error) {
    this.detach();
    for (const { id } of this.unsettled) this.refuse(id, error);
  }

  /**
   * @param {string} id
   * @param {Position} position
   */
  #settle(id, { seq, epoch }) {
    this.#close(id, { seq, epoch })?.resolve({ seq, epoch });
  }

  /**
   * @param {string} id
   * @param {object} outcome
   */
  #close(id, outcome) {
    const { outbox, emit } = this.#surroundings;
    const message = outbox.find(this.#room, id);
    if (message === undefined) return undefined;
    outbox.remove(message);
    emit("settled", { room: this.#room, id, ...outcome });
    if (message === this.#inFlight) {
      this.#inFlight = null;
      this.#patience.stop();
    }
    this.#sendNext();
    return message;
  }

  #sendNext() {
    const [message] = this.unsettled;
    if (this.#link === null || this.#inFlight !== null || message === undefined) return;
    const { id, text, tried } = message;
    const frame = { action: "message", room: this.#room, message: text, type: "chat", id };
    if (!this.#link.send(tried ? { ...frame, resend: true } : frame)) return;
    message.tried = true;
    this.#inFlight = message;
    this.#patience.start(ANSWER_MS);
  }
}
