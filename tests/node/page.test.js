// Decisions of the page that need no document.

import assert from "node:assert/strict";
import test from "node:test";

import { Members } from "../../static/page/members.js";
import { addressOf, roomIn, tidy } from "../../static/page/sidebar.js";

const ada = { userId: "a", username: "Ada" };
const grace = { userId: "g", username: "Grace" };

test("a user with two windows is one name and two connections", () => {
  const members = new Members();
  members.set([grace, ada, ada], 3);
  assert.deepEqual(members.users.map(({ username }) => username), ["Ada", "Grace"]);
  assert.ok(members.change({ members: 2, joined: [], left: [ada] }));
  assert.deepEqual(members.users.map(({ username }) => username), ["Ada", "Grace"]);
  assert.ok(members.change({ members: 1, joined: [], left: [ada] }));
  assert.deepEqual(members.users.map(({ username }) => username), ["Grace"]);
});

test("names that do not add up to the total are told, and the rest is a number", () => {
  const members = new Members();
  members.set([ada, grace], 2);
  assert.ok(!members.change({ members: 9, joined: [], left: [] }));
  assert.equal(members.others, 7);
});

test("a room's name goes into an address and comes back, whatever it holds", () => {
  for (const name of ["tea", "a&b=c#d", "Über %20", "\u{1F3BA}"]) {
    assert.equal(roomIn(addressOf(name)), name);
  }
  assert.equal(roomIn(""), null);
  assert.equal(roomIn("#room="), null);
});

test("a name is put into the one form that the server takes", () => {
  assert.equal(tidy("  cafe\u0301   au\u00a0lait "), "caf\u00e9 au lait");
  assert.equal(tidy("\u2764\ufe0f tea\u3164"), "\u2764 tea");
});
