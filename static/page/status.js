// Status of the connection.

const WORDS = {
  closed: "Disconnected",
  connecting: "Connecting…",
  "catching-up": "Catching up…",
  live: "Live",
  offline: "Offline",
};

/** Shows the client's state, with a countdown while it waits for its next try. */
export class Status {
  #word;
  #banner;
  #countdown;
  #timer = null;
  #lost = false;

  constructor(word, banner, countdown) {
    this.#word = word;
    this.#banner = banner;
    this.#countdown = countdown;
  }

  show({ name, retryAt }) {
    clearInterval(this.#timer);
    document.body.dataset.state = name;
    this.#word.textContent = WORDS[name];
    this.#lost = name === "offline" || (name === "connecting" && this.#lost);
    this.#banner.hidden = !this.#lost;
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
