// Sidebar: the rooms and the members.

import { hue, make } from "./message-group.js";

const SHOWN = 200;

/** The room that an address names after its #, normalised as the server wants it; or null. */
export function roomIn(hash) {
  return tidy(new URLSearchParams(hash.slice(1)).get("room") ?? "") || null;
}

/** The address of a room, to be followed or handed on. */
export function addressOf(room) {
  return `#room=${encodeURIComponent(room)}`;
}

/** A room's name as it was meant: one spelling, single spaces, and none of an emoji's joiners. */
export function tidy(name) {
  const seen = name.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  return seen.normalize("NFC").trim().replace(/\s+/gu, " ");
}

/** Shows both lists; on a narrow screen they are opened and closed with the menu button. */
export class Sidebar {
  #panel;
  #menu;
  #find;

  constructor(find) {
    this.#find = find;
    this.#panel = find("sidebar");
    this.#menu = find("menu");
    this.#menu.addEventListener("click", () => this.toggle());
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#panel.contains(target) && !this.#menu.contains(target)) this.toggle(false);
    });
    this.#panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.open) return;
      this.toggle(false);
      this.#menu.focus();
    });
  }

  get open() {
    return this.#menu.ariaExpanded === "true";
  }

  toggle(open = !this.open) {
    this.#menu.ariaExpanded = String(open);
    this.#panel.classList.toggle("open", open);
  }

  /** Shows the rooms, the current one marked, and how much is unread in the others. */
  showRooms(views, current) {
    const items = views.map((view) => {
      const link = make("a", "", make("bdi", "", view.name));
      link.href = addressOf(view.name);
      if (view === current) link.ariaCurrent = "page";
      if (view.unread > 0) link.append(badge(view.unread));
      return make("li", "", link);
    });
    const focused = this.#focusedRoom();
    this.#find("rooms").replaceChildren(...items);
    if (focused) this.#find("rooms").querySelector(`[href="${focused}"]`)?.focus();
    const elsewhere = views.reduce((sum, { unread }) => sum + unread, 0);
    this.#find("elsewhere").replaceWith(badge(elsewhere, "elsewhere"));
    return elsewhere;
  }

  /** Shows the members; a moderator, whose `onModerate(user)` is given, can pick one. */
  showMembers({ users, others }, onModerate = null) {
    const items = users.slice(0, SHOWN).map((user) => {
      const name = make("bdi", "", user.username);
      const item = make("li", "", onModerate ? pick(name, () => onModerate(user)) : name);
      item.style.setProperty("--hue", hue(user.username));
      return item;
    });
    this.#find("members").replaceChildren(...items);
    this.#find("others").hidden = others === 0;
    this.#find("others").textContent = `and ${others.toLocaleString()} more`;
  }

  /** A list that is shown anew would lose the keyboard's place. */
  #focusedRoom() {
    return document.activeElement?.closest("#rooms a")?.getAttribute("href");
  }
}

function pick(name, act) {
  const button = make("button", "member", name);
  button.type = "button";
  button.addEventListener("click", act);
  return button;
}

function badge(count, id = "") {
  const element = make("span", "unread", String(count));
  element.id = id;
  element.role = "img";
  element.ariaLabel = `${count} unread`;
  element.hidden = count === 0;
  return element;
}
