// Composer of messages.

const KEYS = "Enter sends, Shift + Enter starts a new line";

/**
 * Takes messages from the keyboard and the Send button.
 *
 * `size(text)` is compared with `limit` (bytes) as one writes; `onWrite()` is called with each
 * change that leaves a text, `onSend(text)` with a text that is to be sent.
 */
export class Composer {
  #form;
  #box;
  #hint;
  #limit;
  #size;
  #onWrite;
  #onSend;

  constructor(form, { limit, size, onWrite, onSend }) {
    this.#form = form;
    this.#box = form.querySelector("textarea");
    this.#hint = form.querySelector("[role=status]");
    this.#limit = limit;
    this.#size = size;
    this.#onWrite = onWrite;
    this.#onSend = onSend;
    form.addEventListener("submit", (event) => this.#submit(event));
    this.#box.addEventListener("keydown", (event) => this.#press(event));
    this.#box.addEventListener("input", () => {
      this.review();
      if (this.#box.value.trim() !== "") this.#onWrite();
    });
    this.review();
  }

  focus() {
    this.#box.focus();
  }

  /** Puts a text back, above what has been written since, and says why. */
  giveBack(text, reason) {
    this.#box.value = [text, this.#box.value].filter((part) => part !== "").join("\n");
    this.review();
    if (reason !== undefined) this.#warn(reason);
    this.focus();
  }

  /** Says what stands in the way of sending the text, if anything does. */
  review() {
    const size = this.#size(this.#box.value.trim());
    if (size > this.#limit) {
      const limit = inKilobytes(this.#limit);
      this.#warn(`${inKilobytes(size)} is too long: ${limit} can be sent at once.`);
    } else {
      this.#form.classList.remove("warning");
      this.#hint.textContent = KEYS;
    }
  }

  #press(event) {
    // While an input method composes, Enter picks a candidate.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#form.requestSubmit();
  }

  #submit(event) {
    event.preventDefault();
    this.focus();
    const text = this.#box.value.trim();
    if (text === "" || this.#size(text) > this.#limit) return;
    this.#box.value = "";
    this.review();
    this.#onSend(text);
  }

  #warn(text) {
    this.#form.classList.add("warning");
    this.#hint.textContent = text;
  }
}

/** Rounded up, so that what is just over a limit does not read like the limit. */
function inKilobytes(bytes) {
  return `${(Math.ceil((bytes / 1024) * 10) / 10).toLocaleString()} KB`;
}
