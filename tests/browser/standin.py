"""A test in the server's place."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import WebSocketRoute

PAGE: Final = 100


class StandIn:
    """Answers a page's connections inside the browser, and says what the test wants said.

    Attributes:
        silent: whether messages are taken without an answer.
        moderates: whether the page's user is a moderator.
        others: who is in every room besides.
        received: the frames that came, of every action.
        kept: how many of a room's messages it still has.
    """

    epoch = "e1"

    def __init__(self) -> None:
        self.silent = False
        self.moderates = False
        self.others: list[dict[str, str]] = []
        self.received: list[dict[str, Any]] = []
        self.kept = 1_000_000
        self._connections: list[WebSocketRoute] = []
        self._logs: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def accept(self, connection: WebSocketRoute) -> None:
        """Take a connection; give this to `open_page`."""
        self._connections.append(connection)
        connection.on_message(lambda frame: self._answer(json.loads(frame)))

    def drop(self) -> None:
        """Close the newest connection."""
        self._connections[-1].close()

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame on the newest connection."""
        self._connections[-1].send(json.dumps(frame))

    def say(self, text: str, *, room: str, name: str = "Grace", user: str = "u") -> None:
        """Send a message from somebody else."""
        self.send(self.write(text, room=room, name=name, user=user))

    def write(
        self, text: str, *, room: str, name: str = "Grace", user: str = "u"
    ) -> dict[str, Any]:
        """Give a message the next number, and send it to nobody."""
        log = self._logs[room]
        data = {
            "type": "chat",
            "message": text,
            "username": name,
            "userId": user,
            "timestamp": "2026-11-24T09:30:00.000Z",
        }
        message = {
            "type": "message",
            "room": room,
            "seq": len(log) + 1,
            "epoch": self.epoch,
            "id": f"m{len(log) + 1}",
            "data": data,
        }
        log.append(message)
        return message

    def _answer(self, frame: dict[str, Any]) -> None:
        room = frame.get("room", "")
        self.received.append(frame)
        match frame["action"]:
            case "join":
                self.send(self._joined(room, frame.get("since")))
            case "history":
                self.send(self._history(room, frame))
            case "message" if not self.silent:
                message = self.write(frame["message"], room=room, name="Ada", user="me")
                message["id"] = frame["id"]
                self.send(
                    {key: message[key] for key in ("room", "seq", "epoch", "id")} | {"type": "ack"}
                )
            case "who":
                me = {"userId": "me", "username": "Ada"}
                self.send({"type": "who", "room": room, "members": [me, *self.others]})
            case "ping":
                self.send({"type": "pong"})

    def _joined(self, room: str, since: int | None) -> dict[str, Any]:
        seq = len(self._logs[room])
        missed = [] if since is None else self._kept(room, since + 1, seq + 1)
        complete = len(missed) == seq - (seq if since is None else since)
        return {
            "type": "joined",
            "room": room,
            "seq": seq,
            "epoch": self.epoch,
            "members": 1 + len(self.others),
            "you": {"userId": "me", "username": "Ada", "moderate": self.moderates},
            "recovered": complete,
            "messages": missed,
        } | ({} if complete else {"reason": "expired"})

    def _history(self, room: str, frame: dict[str, Any]) -> dict[str, Any]:
        found = self._kept(room, frame.get("after", 0) + 1, frame.get("before", 1_000_000))
        size = min(frame["limit"], PAGE)
        page = found[:size] if "after" in frame else found[-size:]
        more = len(found) > len(page)
        answer = {"type": "history", "room": room, "epoch": self.epoch}
        return answer | {"messages": page, "more": more}

    def _kept(self, room: str, first: int, end: int) -> list[dict[str, Any]]:
        return [
            message for message in self._logs[room][-self.kept :] if first <= message["seq"] < end
        ]
