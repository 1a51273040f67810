"""A client of version 1: the rules of docs/protocol.md, its timers in the test's hands."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fanfare_client.effects import AskHistory, Join, Send
from fanfare_client.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.core.model import ConnectionId
    from fanfare_client.effects import Effect


class Client:
    """One user's client, over all of its connections.

    Attributes:
        connection: the one it has; None while it is offline.
        timelines: what it has of each room that it is in.
        leaving: the rooms whose `left` it waits for.
    """

    def __init__(self, name: str, send: Callable[[ConnectionId, str], None]) -> None:
        self.name = name
        self.session = f"session-of-{name:-<8}"
        self.connection: ConnectionId | None = None
        self.timelines: dict[str, Timeline] = {}
        self.leaving: set[str] = set()
        self.said = 0
        self._send = send
        self._first: dict[str, int] = {}
        self._said: dict[str, set[str]] = {}

    def open(self, connection: ConnectionId) -> None:
        """Begin anew on a connection: resume every room."""
        self.connection = connection
        self.leaving.clear()
        for room, timeline in self.timelines.items():
            self._perform(room, timeline.join())

    def lose(self) -> None:
        """Lose the connection."""
        self.connection = None
        for timeline in self.timelines.values():
            timeline.lose()

    def join(self, room: str) -> None:
        """Join a room."""
        if room not in self.timelines:
            self._first.pop(room, None)
            self._said[room] = set()
            self.timelines[room] = Timeline(room)
            self._perform(room, self.timelines[room].join())

    def leave(self, room: str) -> None:
        """Leave a room, and drop what it has of it."""
        if self.timelines.pop(room, None) is not None:
            self.leaving.add(room)
            self._frame(action="leave", room=room)

    def say(self, room: str, padding: str = "") -> None:
        """Say something that nobody else says."""
        self.said += 1
        text = f"{self.name}:{self.said}"
        self._said[room].add(text)
        self._perform(room, self.timelines[room].say(f"m{self.said}", f"{text} {padding}"))

    def delete(self, room: str, place: int) -> None:
        """Take away one of the messages that it has of a room; every client is a moderator."""
        delivered = self.timelines[room].delivered
        if delivered:
            one = delivered[place % len(delivered)]
            self._frame(action="delete", room=room, seq=one["seq"], epoch=one["epoch"])

    def said_in(self, room: str) -> set[str]:
        """Messages that it has sent since it joined."""
        return self._said[room]

    def first_seq(self, room: str) -> int:
        """Number of the room's last message when it joined."""
        return self._first[room]

    def ping(self) -> None:
        """Ask whether anything has passed it by."""
        self._frame(action="ping", rooms=list(self.timelines))

    def wait(self) -> None:
        """Let the timers run out: the reorder wait, and the one for overdue answers."""
        for room, timeline in self.timelines.items():
            if timeline.hole is not None:
                self._perform(room, timeline.on_reorder_timeout())
            elif timeline.asked is not None or timeline.unsettled is not None:
                self._perform(room, timeline.join())

    def read(self, one: Any) -> None:
        """Take one object from the server."""
        if one["type"] == "joined" and "messages" in one:
            self._first.setdefault(one["room"], one["seq"])
        if one["type"] == "left":
            self.leaving.discard(one["room"])
        if one["type"] == "pong":
            for room, position in one.get("rooms", {}).items():
                if room in self.timelines:
                    self._perform(room, self.timelines[room].learn(**position))
        timeline = self.timelines.get(one.get("room", ""))
        if timeline is not None and one["room"] not in self.leaving:
            self._perform(one["room"], timeline.receive(one))

    def _perform(self, room: str, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case Join(since=since, epoch=epoch):
                    resume = {} if since is None else {"since": since, "epoch": epoch}
                    self._frame(action="join", room=room, **resume)
                case AskHistory(after=after):
                    self._frame(action="history", room=room, after=after, limit=100)
                case Send(id=id_, text=text, resend=resend):
                    self._frame(action="message", room=room, message=text, id=id_, resend=resend)

    def _frame(self, **frame: object) -> None:
        if self.connection is not None:
            self._send(self.connection, json.dumps(frame, ensure_ascii=False))
