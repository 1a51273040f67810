// The box in which a message is written.

const KEYS = "Enter sends, Shift + Enter starts a new line";

/**
 * Takes messages from the keyboard and the Send button.
 *
 * `size(text)` is compared with `limit` (bytes) as one writes; `onSend(text)` answers whether the
 * text was sent. Text that was not sent stays in the box.
 */
export class Composer {
  #form;
  #box;
  #hint;
  #limit;
  #size;
  #onSend;

  constructor(form, { limit, size, onSend }) {
    this.#form = form;
    this.#box = form.querySelector("textarea");
    this.#hint = form.querySelector("[role=status]");
    this.#limit = limit;
    this.#size = size;
    this.#onSend = onSend;
    form.addEventListener("submit", (event) => this.#submit(event));
    this.#box.addEventListener("keydown", (event) => this.#press(event));
    this.#box.addEventListener("input", () => this.review());
    this.review();
  }

  focus() {
    this.#box.focus();
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
    if (this.#onSend(text)) {
      this.#box.value = "";
      this.review();
    } else {
      this.#warn("Not sent yet: there is no connection. Your text stays here.");
    }
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
