// Typing: told to others, and told by them.

const TELL_EVERY_MS = 3_000;
const BELIEVE_MS = 5_000;

/** Tells the others that one is writing, and not too often. */
export class TypingNotifier {
  #last = -Infinity;

  /** `tell()` sends the signal. */
  write(tell) {
    if (performance.now() - this.#last < TELL_EVERY_MS) return;
    this.#last = performance.now();
    tell({ typing: true });
  }

  /** The text has been sent: the next word is news again. */
  stop() {
    this.#last = -Infinity;
  }
}

/** The others who have told that they are writing, until they fall silent. */
export class TypingUsers {
  #users = new Map();
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
  }

  signal({ data, from: { userId, username } }) {
    if (data?.typing !== true) return;
    clearTimeout(this.#users.get(userId)?.timer);
    const timer = setTimeout(() => this.stop(userId), BELIEVE_MS);
    this.#users.set(userId, { username, timer });
    this.#onChange();
  }

  stop(userId) {
    clearTimeout(this.#users.get(userId)?.timer);
    if (this.#users.delete(userId)) this.#onChange();
  }

  get words() {
    const names = [...this.#users.values()].map(({ username }) => username);
    if (names.length === 0) return "";
    if (names.length === 1) return `${names[0]} is writing…`;
    if (names.length === 2) return `${names[0]} and ${names[1]} are writing…`;
    return `${names.length} people are writing…`;
  }
}
