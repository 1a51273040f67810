// Pending messages: one's own, without a number yet.

import { MessageGroup, make, messageElement, showSendState } from "./message-group.js";

/** Shows them below the others, in the order of their writing. */
export class PendingMessages {
  #list;
  #onEdit;
  #group = null;
  #entries = new Map();

  /** `onEdit(text)` gets the text of a refused message back. */
  constructor(list, onEdit) {
    this.#list = list;
    this.#onEdit = onEdit;
  }

  get empty() {
    return this.#entries.size === 0;
  }

  add({ id, text, at }) {
    if (this.#entries.has(id)) return;
    const message = { text, at, own: true, username: "" };
    if (this.#group === null) {
      this.#group = new MessageGroup(message);
      this.#list.append(this.#group.element);
    }
    const entry = messageElement(message);
    this.#group.append(entry, at);
    this.#entries.set(id, { entry, message });
  }

  /** Shows the number of a message whose turn has not come. */
  settle(id, seq) {
    const pending = this.#entries.get(id);
    if (pending) showSendState(pending.entry, seq);
  }

  /** Takes a message away, since it has its place or is taken back. */
  remove(id) {
    this.#entries.get(id)?.entry.remove();
    this.#entries.delete(id);
    if (!this.empty) return;
    this.#group?.element.remove();
    this.#group = null;
  }

  refuse(id, reason) {
    const { entry, message } = this.#entries.get(id) ?? {};
    if (!entry) return;
    entry.classList.add("refused");
    delete entry.dataset.state;
    const edit = make("button", "quiet-button", "Edit");
    edit.type = "button";
    const line = make("p", "reason", `Not sent. ${reason}`, edit);
    line.role = "alert";
    edit.addEventListener("click", () => {
      line.remove();
      this.remove(id);
      this.#onEdit(message.text);
    });
    entry.after(line);
  }

  /** Leaves the name out where it stands above already. */
  follow(group) {
    const [first] = this.#entries.values();
    this.#list.classList.toggle("continued", !!first && !!group?.continuesWith(first.message));
  }
}
