// One room that has been joined, or is to be.

import { Admission } from "./admission.js";
import { Outbound } from "./send-queue.js";
import { Reader } from "./requests.js";
import { Timeline } from "./timeline.js";
import { Timer } from "./timer.js";
import { readError, readMessage } from "./protocol.js";

/** @import { Link } from "./connection.js" */
/** @import { Outbox } from "./outbox.js" */
/** @import { Effect } from "./timeline.js" */
/** @import { Clock } from "./timer.js" */
/** @import { FanfareError } from "./errors.js" */
/** @import { Frame, Message, Position, Random, User } from "./protocol.js" */

// What a moderator asks for.
const ACTS = ["kick", "ban", "mute", "delete"];

// Frames overtake each other by little; what is later than this is lost.
const REORDER_MS = 500;

/**
 * What a room needs of its client.
 *
 * @typedef {object} Surroundings
 * @property {Clock} clock
 * @property {Random} random
 * @property {Outbox} outbox
 * @property {{ you: User | null }} self
 * @property {(type: string, detail: any) => void} emit
 * @property {(room: Room) => void} onChange called when its position or completeness has changed
 */

/** Keeps one room complete over any number of connections; made by `Fanfare.join`. */
export class Room {
  /** How many connections are in the room. */
  members = 0;

  /** Whether order here is one's own to keep. */
  moderator = false;

  #surroundings;
  #timeline;
  #admission;
  #outbound;
  #reader;
  #reorder;
  /** @type {Link | null} */
  #link = null;
  #complete = false;
  #filling = false;
  /** @type {(room: Room) => void} */
  #resolve = () => {};
  /** @type {(error: FanfareError) => void} */
  #reject = () => {};

  /**
   * @param {string} name
   * @param {Position | null} position from where to go on
   * @param {Surroundings} surroundings
   */
  constructor(name, position, surroundings) {
    this.name = name;
    this.#surroundings = surroundings;
    this.#timeline = new Timeline(position);
    this.#admission = new Admission(name, surroundings, () => this.#goOn());
    this.#outbound = new Outbound(name, surroundings, () => this.#goOn());
    this.#reader = new Reader(name, surroundings.clock);
    this.#reorder = new Timer(surroundings.clock, () => this.#fill());
    /** Settled when the room is complete for the first time. @type {Promise<Room>} */
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether everything up to now has been delivered. */
  get complete() {
    return this.#complete;
  }

  get position() {
    return this.#timeline.position;
  }

  /** One's own messages that are not settled, oldest first. */
  get unsettled() {
    return this.#outbound.unsettled.map(({ id, text, at }) => ({ id, text, at: new Date(at) }));
  }

  /** @param {string} text */
  send(text) {
    return this.#outbound.say(text);
  }

  /** @param {{ before?: number, limit?: number }} [which] */
  async history(which = {}) {
    const { messages, more } = await this.#reader.before(which);
    return { messages: this.#read(messages), more };
  }

  /** @param {string} [next] */
  async who(next) {
    const answer = await this.#reader.who(next);
    return { members: answer.members, next: answer.next };
  }

  /** @param {any} data */
  signal(data) {
    if (this.#complete) this.#link?.send({ action: "signal", room: this.name, data });
  }

  /** Puts a user out, who may come back. @param {string} userId */
  kick(userId) {
    this.#act({ action: "kick", userId });
  }

  /**
   * Puts a user out for so long; 0 lets one in again.
   *
   * @param {string} userId
   * @param {number} seconds
   */
  ban(userId, seconds) {
    this.#act({ action: "ban", userId, seconds });
  }

  /**
   * Lets a user only listen for so long; 0 lets one speak again.
   *
   * @param {string} userId
   * @param {number} seconds
   */
  mute(userId, seconds) {
    this.#act({ action: "mute", userId, seconds });
  }

  /** Takes a message's text away, for everybody. @param {Position} message */
  delete({ seq, epoch }) {
    this.#act({ action: "delete", seq, epoch });
  }

  // What follows is for the client alone.

  /** @param {Link} link */
  attach(link) {
    this.#link = link;
    this.#resume();
  }

  detach() {
    this.#halt();
    this.#link = null;
    this.#admission.forget();
    this.#reader.detach();
  }

  /**
   * Ends the questions, but not the messages.
   *
   * @param {FanfareError} error
   */
  close(error) {
    this.detach();
    this.#reader.end(error);
    // Whoever waits is told; whoever does not has no use for an unhandled rejection.
    this.ready.catch(() => {});
    this.#reject(error);
  }

  /** @param {FanfareError} error */
  end(error) {
    this.close(error);
    this.#outbound.end(error);
  }

  /** Joins on a second link. @param {Link} link */
  join(link) {
    this.#admission.ask(link, this.position);
  }

  /** @param {Link} link */
  awaits(link) {
    return this.#admission.awaits(link);
  }

  /** Goes on over a link on which the room has been joined. @param {Link} link */
  moveTo(link) {
    if (this.#link !== null) this.#admission.answered(this.#link);
    this.#link = link;
    this.#outbound.moveTo(link);
    this.#reader.attach(link);
    this.#progress();
  }

  /**
   * @param {Frame} frame any frame that names this room, but no error
   * @param {Link} link on which it came
   */
  receive(frame, link) {
    switch (frame.type) {
      case "message": {
        const [message] = this.#read([frame]);
        this.#apply(this.#timeline.receive({ ...message, message }));
        break;
      }
      case "ack":
        this.#admission.succeed();
        this.#apply(this.#timeline.receive(this.#outbound.acknowledge(frame)));
        break;
      case "joined":
        this.#joined(frame, link);
        break;
      case "history":
      case "who":
        this.#reader.answer(frame);
        break;
      case "presence":
        this.#count(frame);
        break;
      case "signal":
        this.#hear(frame);
        break;
      case "moderated":
        this.#surroundings.emit("moderated", frame);
    }
  }

  /** Learns how far the room is. @param {Position} position */
  notice({ seq, epoch }) {
    this.#apply(this.#timeline.receive({ seq, epoch, message: null }));
  }

  /**
   * @param {Frame} frame an error that names this room
   * @returns {FanfareError | null} the error when it was the end of the room
   */
  refuse({ action, id, ...frame }) {
    const error = readError(frame);
    if (this.#reader.refuse(action, error)) return null;
    if (error.code === "muted") this.#beMute(action, id, error);
    else if (ACTS.includes(action)) this.#surroundings.emit("error", { room: this.name, error });
    else if (error.retry === "later") this.#later(error.retryAfter);
    else if (action === "join") return error;
    else if (action === "message" && id) this.#outbound.refuse(id, error);
    else this.#surroundings.emit("error", { room: this.name, error });
    return null;
  }

  /**
   * A message that has to wait for the end of a mute is for a person to send again, or not; and
   * a signal is nothing to speak of.
   *
   * @param {string} action
   * @param {string} id
   * @param {FanfareError} error
   */
  #beMute(action, id, error) {
    if (action === "message") this.#outbound.refuse(id, error);
  }

  /** @param {Frame} act */
  #act(act) {
    this.#link?.send({ ...act, room: this.name });
  }

  /**
   * Something failed, and nobody knows what: whatever is open may be it.
   *
   * @param {number} [seconds] how long to wait, where the server knows
   */
  doubt(seconds) {
    if (this.#admission.open || this.unsettled.length > 0) this.#later(seconds);
  }

  /** Asks for all that is missing; what is not settled after that is sent again. */
  #resume() {
    if (this.#link === null) return;
    this.#halt();
    this.#admission.ask(this.#link, this.position);
    this.#admission.expect();
    this.#surroundings.onChange(this);
  }

  /** A pause is over, or an answer is overdue; that may be the connection's fault. */
  #goOn() {
    if (!this.#admission.paused) this.#link?.check();
    this.#resume();
  }

  /** @param {number} [seconds] */
  #later(seconds) {
    if (this.#link === null || this.#admission.paused) return;
    this.#halt();
    this.#admission.pause(seconds);
    this.#surroundings.onChange(this);
  }

  #halt() {
    this.#complete = false;
    this.#outbound.detach();
    this.#reorder.stop();
    this.#admission.stop();
  }

  /**
   * @param {Frame} frame
   * @param {Link} link
   */
  #joined(frame, link) {
    const asked = this.#admission.answered(link);
    // A repetition: by now it is older than what is known.
    if (asked === undefined) return;
    this.#surroundings.self.you = frame.you;
    this.moderator = frame.you.moderate ?? false;
    this.#count({ room: this.name, members: frame.members, joined: [], left: [] });
    if (link === this.#link) {
      this.#admission.stop();
      this.#reader.attach(link);
    }
    this.#apply(this.#timeline.joined(frame, this.#read(frame.messages), asked));
  }

  /** @param {Frame} presence */
  #count(presence) {
    this.members = presence.members;
    this.#surroundings.emit("presence", presence);
  }

  /** One's own comes back while there are two links. @param {Frame} signal */
  #hear(signal) {
    const { self, emit } = this.#surroundings;
    if (signal.from.userId !== self.you?.userId) emit("signal", signal);
  }

  /** @param {Effect[]} effects */
  #apply(effects) {
    const { emit, onChange } = this.#surroundings;
    for (const effect of effects) {
      if (effect.kind === "deliver") emit("message", this.#outbound.claim(effect.message));
      else if (effect.kind === "gap") emit("gap", { ...effect, room: this.name });
      else if (!this.#admission.open && !this.#admission.paused) this.#resume();
    }
    if (effects.length > 0) onChange(this);
    this.#progress();
  }

  #progress() {
    const { open, paused } = this.#admission;
    if (this.#link === null || paused || (open && this.#admission.awaits(this.#link))) return;
    if (this.#timeline.behind) {
      this.#fill();
      return;
    }
    if (!this.#complete) {
      this.#complete = true;
      if (this.unsettled.length === 0) this.#admission.succeed();
      this.#outbound.attach(this.#link);
      this.#resolve(this);
      this.#surroundings.onChange(this);
    }
    if (!this.#timeline.hole) this.#reorder.stop();
    else if (!this.#reorder.running && !this.#filling) this.#reorder.start(REORDER_MS);
  }

  async #fill() {
    const asked = this.position;
    if (this.#filling || asked === null) return;
    this.#filling = true;
    try {
      const answer = await this.#reader.after(asked.seq);
      this.#filling = false;
      this.#takePage(answer, asked);
    } catch (error) {
      this.#filling = false;
      this.#later(/** @type {FanfareError} */ (error).retryAfter);
    }
  }

  /**
   * @param {Frame} answer
   * @param {Position} asked
   */
  #takePage({ epoch, messages }, asked) {
    // The numbers of a room that was started anew meanwhile mean something else.
    const sound = asked.epoch === this.position?.epoch;
    // An empty page may be the repetition of another answer; `joined` tells for sure.
    if (messages.length === 0 && this.#timeline.hole) this.#resume();
    else this.#apply(sound ? this.#timeline.page(epoch, this.#read(messages)) : []);
    if (messages.length > 0 && this.#timeline.hole) this.#fill();
  }

  /**
   * @param {Frame[]} frames
   * @returns {Message[]}
   */
  #read(frames) {
    return frames.map((frame) => this.#outbound.claim(readMessage(frame)));
  }
}
