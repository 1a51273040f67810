// What is asked about a room: its past and its members.

import { Questions } from "./questions.js";

/** @import { Link } from "./connection.js" */
/** @import { Clock } from "./timer.js" */
/** @import { FanfareError } from "./errors.js" */
/** @import { Frame } from "./protocol.js" */

const PAGE = 100;

/** Asks, and brings answers and refusals to where they belong. */
export class Reader {
  #room;
  #histories;
  #whos;

  /**
   * @param {string} room
   * @param {Clock} clock
   */
  constructor(room, clock) {
    this.#room = room;
    this.#histories = new Questions(clock, (link) => link.end());
    this.#whos = new Questions(clock, (link) => link.end());
  }

  /**
   * The newest messages, below `before` where that is given.
   *
   * @param {{ before?: number, limit?: number }} which
   */
  before({ before = Infinity, limit = 50 }) {
    // JSON knows no Infinity, and `undefined` leaves the field out.
    const field = Number.isFinite(before) ? before : undefined;
    const question = { action: "history", room: this.#room, before: field, limit };
    return this.#histories.ask(question, ({ messages }) => all(messages, (seq) => seq < before));
  }

  /**
   * The oldest messages above `after`, before anything else is asked.
   *
   * @param {number} after
   */
  after(after) {
    const question = { action: "history", room: this.#room, after, limit: PAGE };
    const fits = (/** @type {Frame} */ { messages }) => all(messages, (seq) => seq > after);
    return this.#histories.ask(question, fits, true);
  }

  /** @param {string} [next] */
  who(next) {
    return this.#whos.ask({ action: "who", room: this.#room, next }, () => true);
  }

  /** @param {Link} link */
  attach(link) {
    this.#histories.attach(link);
    this.#whos.attach(link);
  }

  detach() {
    this.#histories.detach();
    this.#whos.detach();
  }

  /** @param {FanfareError} error */
  end(error) {
    this.#histories.end(error);
    this.#whos.end(error);
  }

  /** @param {Frame} frame a `history` or a `who` */
  answer(frame) {
    this.#of(frame.type)?.answer(frame);
  }

  /**
   * @param {string} action
   * @param {FanfareError} error
   * @returns {boolean} whether that was a question
   */
  refuse(action, error) {
    const questions = this.#of(action);
    questions?.refuse(error);
    return questions !== undefined;
  }

  /** @param {string} kind */
  #of(kind) {
    if (kind === "history") return this.#histories;
    return kind === "who" ? this.#whos : undefined;
  }
}

/**
 * @param {Frame[]} messages
 * @param {(seq: number) => boolean} holds
 */
function all(messages, holds) {
  return messages.every(({ seq }) => holds(seq));
}
