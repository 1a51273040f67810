// Room: joined or to be joined, and kept complete over any number of connections.

import { JoinRequests } from "./membership.js";
import { readError, readMessage } from "./protocol.js";
import { RoomRequests } from "./requests.js";
import { Sender } from "./send-queue.js";
import { Timeline } from "./timeline.js";
import { Timer } from "./timer.js";

/** @import { Connection } from "./connection.js" */
/** @import { Clock, Message, Position, Random, User } from "./fanfare.d.ts" */
/** @import { FanfareError, Frame } from "./protocol.js" */
/** @import { SendQueue } from "./send-queue.js" */
/** @import { Effect } from "./timeline.js" */

const MODERATOR_ACTIONS = ["kick", "ban", "mute", "delete"];

// Frames overtake each other by less; a later one is lost.
const REORDER_MS = 500;

/**
 * Context of a room: the parts that its client gives it.
 *
 * @typedef {object} RoomContext
 * @property {Clock} clock
 * @property {Random} random
 * @property {SendQueue} sendQueue
 * @property {{ you: User | null }} self
 * @property {(type: string, detail: any) => void} emit
 * @property {(room: Room) => void} onChange called when its position or completeness has changed
 */

/** Room, made by `Fanfare.join`; fanfare.d.ts documents its use. */
export class Room {
  members = 0;
  moderator = false;

  #context;
  #timeline;
  #joinRequests;
  #sender;
  #requests;
  #reorder;
  /** @type {Connection | null} */
  #connection = null;
  #complete = false;
  #filling = false;
  /** @type {(room: Room) => void} */
  #resolve = () => {};
  /** @type {(error: FanfareError) => void} */
  #reject = () => {};

  /**
   * @param {string} name
   * @param {Position | null} position from where to go on
   * @param {RoomContext} context
   */
  constructor(name, position, context) {
    this.name = name;
    this.#context = context;
    this.#timeline = new Timeline(position);
    this.#joinRequests = new JoinRequests(name, context, () => this.#rejoin());
    this.#sender = new Sender(name, context, () => this.#rejoin());
    this.#requests = new RoomRequests(name, context.clock);
    this.#reorder = new Timer(context.clock, () => this.#fill());
    /** Settled when the room is complete for the first time. @type {Promise<Room>} */
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get complete() {
    return this.#complete;
  }

  get position() {
    return this.#timeline.position;
  }

  get unsettled() {
    return this.#sender.unsettled.map(({ id, text, at }) => ({ id, text, at: new Date(at) }));
  }

  /** @param {string} text */
  send(text) {
    return this.#sender.send(text);
  }

  /** @param {{ before?: number, limit?: number }} [page] */
  async history(page = {}) {
    const { messages, more } = await this.#requests.historyBefore(page);
    return { messages: this.#read(messages), more };
  }

  /** @param {string} [next] */
  async who(next) {
    const answer = await this.#requests.who(next);
    return { members: answer.members, next: answer.next };
  }

  /** @param {any} data */
  signal(data) {
    if (this.#complete) this.#connection?.send({ action: "signal", room: this.name, data });
  }

  /** @param {string} userId */
  kick(userId) {
    this.#moderate({ action: "kick", userId });
  }

  /**
   * @param {string} userId
   * @param {number} seconds
   */
  ban(userId, seconds) {
    this.#moderate({ action: "ban", userId, seconds });
  }

  /**
   * @param {string} userId
   * @param {number} seconds
   */
  mute(userId, seconds) {
    this.#moderate({ action: "mute", userId, seconds });
  }

  /** @param {Position} message */
  delete({ seq, epoch }) {
    this.#moderate({ action: "delete", seq, epoch });
  }

  // From here on for the client alone; the members above are documented in fanfare.d.ts.

  /** @param {Connection} connection */
  attach(connection) {
    this.#connection = connection;
    this.#resume();
  }

  detach() {
    this.#halt();
    this.#connection = null;
    this.#joinRequests.clear();
    this.#requests.detach();
  }

  /**
   * Rejects the pending requests, but not the messages.
   *
   * @param {FanfareError} error
   */
  close(error) {
    this.detach();
    this.#requests.end(error);
    // Nobody may wait for it, and then it is no unhandled rejection.
    this.ready.catch(() => {});
    this.#reject(error);
  }

  /** @param {FanfareError} error */
  end(error) {
    this.close(error);
    this.#sender.end(error);
  }

  /** Joins on a second connection. @param {Connection} connection */
  join(connection) {
    this.#joinRequests.send(connection, this.position);
  }

  /** @param {Connection} connection */
  awaits(connection) {
    return this.#joinRequests.awaits(connection);
  }

  /** Goes on over a connection on which the room has been joined. @param {Connection} connection */
  moveTo(connection) {
    if (this.#connection !== null) this.#joinRequests.settle(this.#connection);
    this.#connection = connection;
    this.#sender.moveTo(connection);
    this.#requests.attach(connection);
    this.#progress();
  }

  /**
   * @param {Frame} frame any frame that names this room, but no error
   * @param {Connection} connection on which it came
   */
  receive(frame, connection) {
    switch (frame.type) {
      case "message": {
        const [message] = this.#read([frame]);
        this.#apply(this.#timeline.receive({ ...message, message }));
        break;
      }
      case "ack":
        this.#joinRequests.resetBackoff();
        this.#apply(this.#timeline.receive(this.#sender.acknowledge(frame)));
        break;
      case "joined":
        this.#receiveJoined(frame, connection);
        break;
      case "history":
      case "who":
        this.#requests.answer(frame);
        break;
      case "presence":
        this.#receivePresence(frame);
        break;
      case "signal":
        this.#receiveSignal(frame);
        break;
      case "moderated":
        this.#context.emit("moderated", frame);
    }
  }

  /** Compares the room's last position with this one. @param {Position} position */
  compare({ seq, epoch }) {
    this.#apply(this.#timeline.receive({ seq, epoch, message: null }));
  }

  /**
   * @param {Frame} frame an error that names this room
   * @returns {FanfareError | null} the error when it was the end of the room
   */
  refuse({ action, id, ...frame }) {
    const error = readError(frame);
    if (this.#requests.refuse(action, error)) return null;
    const muted = error.code === "muted";
    // After a mute a person decides whether to send a message again; a signal is dropped.
    if (muted && action === "signal") return null;
    const later = error.retry === "later" && !muted && !MODERATOR_ACTIONS.includes(action);
    if (later) this.#later(error.retryAfter);
    else if (action === "join") return error;
    else if (action === "message" && id) this.#sender.reject(id, error);
    else this.#context.emit("error", { room: this.name, error });
    return null;
  }

  /** @param {Frame} request */
  #moderate(request) {
    this.#connection?.send({ ...request, room: this.name });
  }

  /**
   * A failure that names no request: any pending one may have failed.
   *
   * @param {number} [seconds] how long to wait, where the server knows
   */
  doubt(seconds) {
    if (this.#joinRequests.pending || this.unsettled.length > 0) this.#later(seconds);
  }

  /** Joins from the position on; messages that are unsettled after that are sent again. */
  #resume() {
    if (this.#connection === null) return;
    this.#halt();
    this.#joinRequests.send(this.#connection, this.position);
    this.#joinRequests.startTimeout();
    this.#context.onChange(this);
  }

  /** A pause is over, or an answer is overdue, perhaps since the connection is dead. */
  #rejoin() {
    if (!this.#joinRequests.paused) this.#connection?.check();
    this.#resume();
  }

  /** @param {number} [seconds] */
  #later(seconds) {
    if (this.#connection === null || this.#joinRequests.paused) return;
    this.#halt();
    this.#joinRequests.pause(seconds);
    this.#context.onChange(this);
  }

  #halt() {
    this.#complete = false;
    this.#sender.detach();
    this.#reorder.stop();
    this.#joinRequests.stop();
  }

  /**
   * @param {Frame} frame
   * @param {Connection} connection
   */
  #receiveJoined(frame, connection) {
    const asked = this.#joinRequests.settle(connection);
    // A repetition, older than the timeline by now.
    if (asked === undefined) return;
    this.#context.self.you = frame.you;
    this.moderator = frame.you.moderate ?? false;
    this.#receivePresence({ room: this.name, members: frame.members, joined: [], left: [] });
    if (connection === this.#connection) {
      this.#joinRequests.stop();
      this.#requests.attach(connection);
    }
    this.#apply(this.#timeline.joined(frame, this.#read(frame.messages), asked));
  }

  /** @param {Frame} presence */
  #receivePresence(presence) {
    this.members = presence.members;
    this.#context.emit("presence", presence);
  }

  /** One's own signals come back while there are two connections. @param {Frame} signal */
  #receiveSignal(signal) {
    const { self, emit } = this.#context;
    if (signal.from.userId !== self.you?.userId) emit("signal", signal);
  }

  /** @param {Effect[]} effects */
  #apply(effects) {
    const { emit, onChange } = this.#context;
    for (const effect of effects) {
      if (effect.kind === "deliver") emit("message", this.#sender.claim(effect.message));
      else if (effect.kind === "gap") emit("gap", { ...effect, room: this.name });
      else if (!this.#joinRequests.pending && !this.#joinRequests.paused) this.#resume();
    }
    if (effects.length > 0) onChange(this);
    this.#progress();
  }

  #progress() {
    const { paused } = this.#joinRequests;
    if (this.#connection === null || paused || this.#joinRequests.awaits(this.#connection)) return;
    if (this.#timeline.behind) {
      this.#fill();
      return;
    }
    if (!this.#complete) {
      this.#complete = true;
      if (this.unsettled.length === 0) this.#joinRequests.resetBackoff();
      this.#sender.attach(this.#connection);
      this.#resolve(this);
      this.#context.onChange(this);
    }
    if (!this.#timeline.hole) this.#reorder.stop();
    else if (!this.#reorder.running && !this.#filling) this.#reorder.start(REORDER_MS);
  }

  async #fill() {
    const asked = this.position;
    if (this.#filling || asked === null) return;
    this.#filling = true;
    try {
      const answer = await this.#requests.historyAfter(asked.seq);
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
    // A room that was started anew meanwhile counts from 1 again.
    const sound = asked.epoch === this.position?.epoch;
    // An empty page may be the repetition of another answer; a new join makes sure.
    if (messages.length === 0 && this.#timeline.hole) this.#resume();
    else this.#apply(sound ? this.#timeline.page(epoch, this.#read(messages)) : []);
    if (messages.length > 0 && this.#timeline.hole) this.#fill();
  }

  /**
   * @param {Frame[]} frames
   * @returns {Message[]}
   */
  #read(frames) {
    return frames.map((frame) => this.#sender.claim(readMessage(frame)));
  }
}
