// The list of messages.

const MAX_ENTRIES = 500;
const GROUP_SPAN_MS = 5 * 60 * 1_000;
const BOTTOM_SLACK_PX = 48;

/**
 * Shows messages, newest last, and follows them while the reader is at the end.
 *
 * A message is `{ text, name, sender, at, own }`. Messages of one sender within five minutes
 * stand together. Only the newest 500 entries stay in the document.
 */
export class Log {
  #list;
  #newer;
  #entries = [];
  #group = null;
  #following = true;
  #unread = 0;

  constructor(list, newer) {
    this.#list = list;
    this.#newer = newer;
    list.addEventListener("scroll", () => this.#noticeScroll());
    newer.addEventListener("click", () => {
      this.#scrollToEnd();
      list.focus();
    });
    // The list shrinks when a virtual keyboard opens: the newest message stays in sight.
    new ResizeObserver(() => this.#following && this.#scrollToEnd()).observe(list);
  }

  /** Shows a message and returns its element, for `refuse`. */
  add(message) {
    if (!belongsTo(this.#group, message)) this.#startGroup(message);
    const entry = make("p", "message", message.text);
    entry.dir = "auto";
    entry.title = message.at.toLocaleString();
    this.#append(this.#group.element, entry);
    if (message.own) this.#scrollToEnd();
    else this.#follow();
    return entry;
  }

  /** Marks a message of one's own as not sent, and says why. */
  refuse(entry, reason) {
    entry.classList.add("refused");
    entry.after(make("p", "reason", `Not sent. ${reason}`));
    this.#follow();
  }

  /** Shows a line that nobody wrote. */
  note(text) {
    this.#group = null;
    this.#append(this.#list, make("p", "note", text));
    this.#follow();
  }

  #startGroup(message) {
    const { name, sender, at, own } = message;
    const element = make("article", own ? "group own" : "group");
    const avatar = make("span", "avatar", initials(name));
    avatar.ariaHidden = "true";
    const time = make("time", "", at.toLocaleTimeString([], { timeStyle: "short" }));
    time.dateTime = at.toISOString();
    element.style.setProperty("--hue", hue(name));
    element.append(avatar, make("p", "who", make("bdi", "name", own ? "You" : name), time));
    this.#list.append(element);
    this.#group = { element, sender, at };
  }

  #append(parent, entry) {
    parent.append(entry);
    this.#entries.push(entry);
    if (this.#entries.length > MAX_ENTRIES) this.#dropOldest();
  }

  #dropOldest() {
    const entry = this.#entries.shift();
    const group = entry.closest(".group");
    if (entry.nextElementSibling?.matches(".reason")) entry.nextElementSibling.remove();
    entry.remove();
    if (group && !group.querySelector(".message")) group.remove();
  }

  #follow() {
    if (this.#following) {
      this.#scrollToEnd();
    } else {
      this.#unread += 1;
      const messages = this.#unread === 1 ? "message" : "messages";
      this.#newer.textContent = `${this.#unread} new ${messages}`;
      this.#newer.hidden = false;
    }
  }

  #scrollToEnd() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#noticeScroll();
  }

  #noticeScroll() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    this.#following = scrollHeight - scrollTop - clientHeight < BOTTOM_SLACK_PX;
    if (this.#following) {
      this.#unread = 0;
      this.#newer.hidden = true;
    }
  }
}

function belongsTo(group, { sender, at }) {
  return group !== null && group.sender === sender && at - group.at < GROUP_SPAN_MS;
}

function make(tag, className, ...children) {
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
function hue(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return hash;
}
