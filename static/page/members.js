// Members of a room.

/** The members by name, as far as they are known, and how many connections there are. */
export class Members {
  #users = new Map();
  total = 0;

  /** Takes the members as they were read; each appears once for each connection. */
  set(members, total) {
    this.#users.clear();
    this.total = total;
    for (const user of members) this.#count(user, 1);
  }

  /** Takes a presence; false when the names do not add up to the total any more. */
  change({ members, joined, left }) {
    this.total = members;
    for (const user of joined) this.#count(user, 1);
    for (const user of left) this.#count(user, -1);
    return this.#known === members;
  }

  /** Everybody whose name is known, by name. */
  get users() {
    const users = [...this.#users].map(([userId, { username }]) => ({ userId, username }));
    return users.sort((a, b) => a.username.localeCompare(b.username));
  }

  /** Number of connections without a name here, once there are names. */
  get others() {
    return this.#users.size === 0 ? 0 : Math.max(0, this.total - this.#known);
  }

  get #known() {
    return [...this.#users.values()].reduce((sum, { connections }) => sum + connections, 0);
  }

  #count({ userId, username }, change) {
    const connections = (this.#users.get(userId)?.connections ?? 0) + change;
    if (connections > 0) this.#users.set(userId, { username, connections });
    else this.#users.delete(userId);
  }
}
