// The page: joins the parts together.

import { Composer } from "./composer.js";
import { Connection, MESSAGE_LIMIT, messageSize } from "./connection.js";
import { findEndpoint } from "./endpoint.js";
import { Log } from "./log.js";
import { Status } from "./status.js";

// The gateway waits 29 s for a handler, so a later error is not about an earlier message.
// https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
const ANSWER_MS = 30_000;

const find = (id) => document.getElementById(id);

const log = new Log(find("log"), find("newer"));
const status = new Status(find("status"), find("reconnect"), find("countdown"));
const composer = new Composer(find("composer"), {
  limit: MESSAGE_LIMIT,
  size: messageSize,
  onSend: say,
});

let endpoint = null;
let connection = null;
let username = "";
let state = "disconnected";
let unanswered = [];

find("name").value = remembered();
find("join").addEventListener("submit", join);
find("disconnect").addEventListener("click", leave);
find("retry").addEventListener("click", () => connection.retryNow());
window.addEventListener("online", () => connection?.retryNow());

try {
  endpoint = await findEndpoint(location);
  find("server").textContent = `Server: ${endpoint.host}`;
  find("connect").disabled = false;
} catch (error) {
  find("alert").textContent = error.message;
  find("alert").hidden = false;
}

function join(event) {
  event.preventDefault();
  username = find("name").value.trim() || "Anonymous";
  remember(find("name").value.trim());
  connection = new Connection(endpoint, username, {
    onState: showState,
    onMessage: (message) => show({ ...message, own: false }),
    onError: refuse,
  });
  connection.open();
  composer.focus();
}

function leave() {
  connection.close();
  connection = null;
  find("name").focus();
}

function showState(next) {
  const joined = next.name !== "disconnected";
  if (next.name === "connected" && state === "reconnecting") {
    log.note("Connected again. What others wrote meanwhile may be missing.");
    if (document.activeElement === find("retry")) composer.focus();
  }
  if (next.name === "connected") composer.review();
  state = next.name;
  status.show(next);
  find("disconnect").hidden = !joined;
  find("join").hidden = joined;
  find("composer").hidden = !joined;
  showEmptiness();
}

function showEmptiness() {
  const empty = find("log").childElementCount === 0;
  find("welcome").hidden = !empty || state !== "disconnected";
  find("quiet").hidden = !empty || state !== "connected";
}

function show(message) {
  const entry = log.add(message);
  showEmptiness();
  return entry;
}

function say(text) {
  if (!connection.send(text)) return false;
  const at = new Date();
  const entry = show({ text, name: username, sender: connection, at, own: true });
  unanswered.push({ entry, at });
  return true;
}

/** An error names no message, so it is taken to be about the newest one that it can be about. */
function refuse(reason) {
  unanswered = unanswered.filter(({ at }) => Date.now() - at < ANSWER_MS);
  const newest = unanswered.pop();
  if (newest) log.refuse(newest.entry, reason);
  else log.note(reason);
  showEmptiness();
}

// Browsers that block site data throw on any use of localStorage; the page works without it.
function remembered() {
  try {
    return localStorage.getItem("fanfare.name") ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem("fanfare.name", name);
  } catch {
    // Nothing is lost but the convenience.
  }
}
