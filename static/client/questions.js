// Questions of one kind about one room, one at a time.

import { Timer } from "./timer.js";

/** @import { Link } from "./connection.js" */
/** @import { Clock } from "./timer.js" */
/** @import { FanfareError } from "./errors.js" */
/** @import { Frame } from "./protocol.js" */

const ANSWER_MS = 10_000;

/**
 * @typedef {object} Question
 * @property {Frame} frame
 * @property {(answer: Frame) => boolean} fits
 * @property {(answer: Frame) => void} resolve
 * @property {(error: FanfareError) => void} reject
 */

/**
 * Asks one question after the other, since an answer does not name its question.
 *
 * An answer that is too late could be taken for the next question's. So a connection that owes
 * one is given up: `onSilence` is called with it.
 */
export class Questions {
  /** @type {Question[]} */
  #open = [];
  /** @type {Link | null} */
  #link = null;
  #asked = false;
  #patience;

  /**
   * @param {Clock} clock
   * @param {(link: Link) => void} onSilence
   */
  constructor(clock, onSilence) {
    this.#patience = new Timer(clock, () => this.#link && onSilence(this.#link));
  }

  /**
   * @param {Frame} frame
   * @param {(answer: Frame) => boolean} fits whether an answer can be meant
   * @param {boolean} [first] whether it goes before those that wait
   * @returns {Promise<Frame>}
   */
  ask(frame, fits, first = false) {
    return new Promise((resolve, reject) => {
      const at = first ? Number(this.#asked) : this.#open.length;
      this.#open.splice(at, 0, { frame, fits, resolve, reject });
      this.#askNext();
    });
  }

  /**
   * Goes on over a connection, on which nothing has been asked.
   *
   * @param {Link} link
   */
  attach(link) {
    if (link === this.#link) return;
    this.detach();
    this.#link = link;
    this.#askNext();
  }

  detach() {
    this.#link = null;
    this.#asked = false;
    this.#patience.stop();
  }

  /** @param {Frame} frame */
  answer(frame) {
    if (this.#asked && this.#open[0].fits(frame)) this.#close()?.resolve(frame);
    this.#askNext();
  }

  /** @param {FanfareError} error */
  refuse(error) {
    if (this.#asked) this.#close()?.reject(error);
    this.#askNext();
  }

  /** @param {FanfareError} error */
  end(error) {
    this.detach();
    for (const { reject } of this.#open.splice(0)) reject(error);
  }

  #close() {
    this.#asked = false;
    this.#patience.stop();
    return this.#open.shift();
  }

  #askNext() {
    if (this.#asked || this.#link === null || this.#open.length === 0) return;
    this.#asked = this.#link.send(this.#open[0].frame);
    if (this.#asked) this.#patience.start(ANSWER_MS);
  }
}
