// Page: connects its parts to the client.

import { Composer } from "./composer.js";
import { findEndpoint } from "./endpoint.js";
import { Fanfare, MESSAGE_LIMIT, messageSize } from "../client/fanfare.js";
import { ModerationDialog } from "./moderation-dialog.js";
import { Sidebar, addressOf, roomIn, tidy } from "./sidebar.js";
import { Status } from "./status.js";
import { recall, remember, tabStorage } from "./storage.js";
import { TypingNotifier } from "./typing.js";
import { RoomView } from "./room-view.js";

const DEFAULT_ROOM = "lobby";
const NAME = "fanfare.name";
const HERE = "fanfare.here";

const find = (id) => document.getElementById(id);

const storage = tabStorage();
const status = new Status(find("status"), find("offline"), find("countdown"));
const sidebar = new Sidebar(find);
const moderationDialog = new ModerationDialog(find("moderate"));
const typingNotifier = new TypingNotifier();
const composer = new Composer(find("composer"), {
  limit: MESSAGE_LIMIT,
  size: messageSize,
  onWrite: () => typingNotifier.write((data) => room()?.signal(data)),
  onSend: say,
});

/** @type {Map<string, RoomView>} */
const views = new Map();
let endpoint = null;
let client = null;
let current = null;

find("name").value = recall("localStorage", NAME);
find("join").addEventListener("submit", (event) => {
  event.preventDefault();
  connect(find("name").value.trim());
});
find("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = tidy(find("room").value);
  find("room").value = "";
  if (name !== "") location.hash = addressOf(name);
  composer.focus();
});
find("disconnect").addEventListener("click", disconnect);
find("leave").addEventListener("click", () => leave(current));
find("retry").addEventListener("click", () => client.check());
window.addEventListener("online", () => client?.check());
window.addEventListener("offline", () => client?.check());
window.addEventListener("hashchange", () => client && visit());
document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
  // The server that sent this page has said which one it may talk to; `?endpoint=` is no reason.
  if (effectiveDirective === "connect-src") warn(`This page may not connect to ${blockedURI}.`);
});
document.addEventListener("visibilitychange", () => document.hidden || show(current));
find("moderate").addEventListener("close", () => composer.focus());

try {
  endpoint = await findEndpoint(location);
  find("server").textContent = `Server: ${endpoint.host}`;
  find("connect").disabled = false;
  // A tab that was connected when it was reloaded is so again.
  if (recall("sessionStorage", HERE) !== "") connect(find("name").value);
} catch (error) {
  warn(error.message);
}

function connect(name) {
  remember("localStorage", NAME, name);
  remember("sessionStorage", HERE, "yes");
  client = new Fanfare({ url: endpoint, username: name || "Anonymous", storage });
  const to = (event) => (detail) => views.get(detail.room)?.[event](detail);
  client.on("state", showState);
  client.on("message", (message) => {
    const view = views.get(message.room);
    view?.message(message, view === current && !document.hidden);
  });
  for (const event of ["sent", "settled", "gap", "presence"]) client.on(event, to(event));
  client.on("signal", (signal) => views.get(signal.room)?.typingUsers.signal(signal));
  client.on("out", ({ room: name, error }) => putOut(name, error));
  client.on("notice", ({ text, from }) => current?.note(`${from.username}: ${text}`));
  client.on("error", ({ room: name, error }) => (views.get(name) ?? current)?.note(error.message));
  client.connect();
  for (const known of client.remembered) enter(known);
  visit();
  composer.focus();
}

function disconnect() {
  remember("sessionStorage", HERE, "");
  client.close();
  client = null;
  find("name").focus();
}

/** Shows the room that the address names. */
function visit() {
  const name = roomIn(location.hash) ?? DEFAULT_ROOM;
  enter(name);
  if (views.has(name)) show(views.get(name));
}

function enter(name) {
  if (client.room(name)) return;
  warn("");
  const joining = client.join(name);
  const entered = client.room(name);
  if (entered) {
    if (!views.has(name)) open(name);
    views.get(name).attach(entered);
  }
  joining.then(
    () => views.get(name).ready(),
    (error) => refuse(name, error),
  );
}

function open(name) {
  const onEdit = (text) => composer.giveBack(text);
  const onModerate = (message) => moderate(message, message);
  const onChange = () => showAround();
  const view = new RoomView(name, find("view"), { onChange, onEdit, onModerate });
  views.set(name, view);
  find("views").append(view.element);
}

function refuse(name, error) {
  if (error.code === "left" || error.code === "closed") return;
  warn(`“${name}” cannot be joined. ${error.message}`);
  close(name, false);
}

function putOut(name, error) {
  warn(`“${name}”: ${error.message}`);
  close(name, false);
}

function moderate(user, message) {
  moderationDialog.ask(room(), user, message);
}

function leave(view) {
  client.leave(view.name);
  close(view.name);
  composer.focus();
}

/** Takes a room off the page, and shows another one instead; the same one only if it may be. */
function close(name, again = true) {
  const view = views.get(name);
  if (view) {
    views.delete(name);
    view.element.remove();
  }
  if (roomIn(location.hash) !== name && view !== current) return;
  const [next = DEFAULT_ROOM] = views.keys();
  history.replaceState(null, "", addressOf(next));
  if (client && (again || next !== name)) visit();
  else show(null);
}

function show(view) {
  if (view !== current) {
    current?.hide();
    typingNotifier.stop();
    sidebar.toggle(false);
  }
  current = view;
  current?.show();
  showAround();
}

function showState(state) {
  const connected = state.name !== "closed";
  if (state.name === "live") {
    current?.readMembers();
    if (document.activeElement === find("retry")) composer.focus();
  }
  status.show(state);
  for (const id of ["disconnect", "sidebar", "menu"]) find(id).hidden = !connected;
  find("join").hidden = connected;
  showAround();
}

/** Shows the title, the heading, the rooms and the members. */
function showAround() {
  const unread = sidebar.showRooms([...views.values()], current);
  document.title = `${unread > 0 ? `(${unread}) ` : ""}${current ? `${current.name} · ` : ""}Fanfare`;
  find("welcome").hidden = current !== null;
  const here = current !== null && client !== null && client.state.name !== "closed";
  for (const id of ["composer", "heading"]) find(id).hidden = !here;
  if (current === null) return;
  const { total } = current.members;
  find("room-name").textContent = current.name;
  find("present").textContent = total > 0 ? `${total.toLocaleString()} here` : "";
  find("typing").textContent = current.typingUsers.words;
  sidebar.showMembers(current.members, current.moderator ? (user) => moderate(user) : null);
}

function room() {
  return current && client?.room(current.name);
}

function say(text) {
  typingNotifier.stop();
  const refused = (error) => error.code === "queue_full" && composer.giveBack(text, error.message);
  room().send(text).catch(refused);
}

function warn(text) {
  find("alert").textContent = text;
  find("alert").hidden = text === "";
}
