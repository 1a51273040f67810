// Message group: one sender's messages under one name.

const SPAN_MS = 5 * 60 * 1_000;

/** Messages of one sender within five minutes, under one name. */
export class MessageGroup {
  #sender;
  #from;
  #to;
  #time = make("time", "");

  constructor({ username, userId, own, at }) {
    this.#sender = own ? null : userId;
    this.#from = this.#to = at;
    this.element = make("article", own ? "message-group own" : "message-group");
    const avatar = make("span", "avatar", initials(username));
    avatar.ariaHidden = "true";
    const name = make("bdi", "name", own ? "You" : username);
    this.element.style.setProperty("--hue", hue(username));
    this.element.append(avatar, make("p", "sender", name, this.#time));
    this.#showTime();
  }

  /** Whether a message that follows the last one here belongs here. */
  continuesWith({ own, userId, at }) {
    return this.#sender === (own ? null : userId) && at - this.#from < SPAN_MS;
  }

  /** Whether a message that comes before the first one here belongs here. */
  beginsWith({ own, userId, at }) {
    return this.#sender === (own ? null : userId) && this.#to - at < SPAN_MS;
  }

  /** Keeps a screen reader from reading the past aloud. */
  beSilent() {
    this.element.ariaLive = "off";
  }

  append(entry, at) {
    this.element.ariaLive = null;
    this.element.append(entry);
    this.#to = at;
  }

  prepend(entry, at) {
    this.element.querySelector(".sender").after(entry);
    this.#from = at;
    this.#showTime();
  }

  #showTime() {
    this.#time.textContent = this.#from.toLocaleTimeString([], { timeStyle: "short" });
    this.#time.dateTime = this.#from.toISOString();
  }
}

/** One message's text; its state stands beside it by style. */
export function messageElement({ type, text, at, own, seq }) {
  const entry = make("p", "message", text);
  entry.dir = "auto";
  entry.title = at.toLocaleString();
  if (own) showSendState(entry, seq);
  if (type === "deleted") showRemoved(entry);
  return entry;
}

/** Shows that a message's text has been taken away. */
export function showRemoved(entry) {
  entry.classList.add("removed");
  entry.textContent = "This message was removed.";
}

/** Shows whether a message has its number. */
export function showSendState(entry, seq) {
  entry.dataset.state = seq === undefined ? "sending" : "sent";
  if (seq !== undefined) entry.dataset.seq = seq;
}

export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** One or two letters that stand for a name. */
function initials(name) {
  const words = name.trim().split(/\s+/).slice(0, 2);
  return words.map((word) => Array.from(word)[0]).join("").toUpperCase();
}

/** A colour angle (degrees) that is always the same for the same name. */
export function hue(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return hash;
}
