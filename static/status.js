// What the connection is doing.

const WORDS = {
  disconnected: "Disconnected",
  connecting: "Connecting…",
  connected: "Connected",
  reconnecting: "Reconnecting…",
};

/** Shows a connection's state, with a countdown while it waits for its next try. */
export class Status {
  #word;
  #banner;
  #countdown;
  #timer = null;

  constructor(word, banner, countdown) {
    this.#word = word;
    this.#banner = banner;
    this.#countdown = countdown;
  }

  show({ name, retryAt }) {
    clearInterval(this.#timer);
    document.body.dataset.state = name;
    this.#word.textContent = WORDS[name];
    this.#banner.hidden = name !== "reconnecting";
    if (retryAt === undefined) this.#countdown.textContent = "Trying now…";
    else this.#countDown(retryAt);
  }

  #countDown(retryAt) {
    const tick = () => {
      const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1_000));
      this.#countdown.textContent = `Next try in ${seconds} s.`;
    };
    tick();
    this.#timer = setInterval(tick, 250);
  }
}
