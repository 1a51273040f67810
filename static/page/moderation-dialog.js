// Moderation dialog: what to do about a user, or about a message.

const MUTE_SECONDS = 10 * 60;
const BAN_SECONDS = 24 * 60 * 60;

/** Asks, in a dialog, what to do. */
export class ModerationDialog {
  #dialog;
  #act = () => {};

  constructor(dialog) {
    this.#dialog = dialog;
    dialog.addEventListener("close", () => this.#act(dialog.returnValue));
  }

  /** Asks about a user of a room, or about a message of theirs. */
  ask(room, { userId, username }, message = null) {
    this.#dialog.querySelector("bdi").textContent = username;
    this.#dialog.querySelector("[value=delete]").hidden = message === null;
    this.#act = (choice) => {
      if (choice === "delete") room.delete(message);
      else if (choice === "mute") room.mute(userId, MUTE_SECONDS);
      else if (choice === "unmute") room.mute(userId, 0);
      else if (choice === "kick") room.kick(userId);
      else if (choice === "ban") room.ban(userId, BAN_SECONDS);
    };
    // The choice of the last time stays otherwise, when the dialog is left with Escape.
    this.#dialog.returnValue = "";
    this.#dialog.showModal();
  }
}
