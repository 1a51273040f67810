"""A server of docs/protocol.md on a real socket, which loses and refuses on request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from client_support.protocol_room import ProtocolRoom, user

if TYPE_CHECKING:
    from collections.abc import Callable
    from http import HTTPStatus

    from websockets.http11 import Request, Response

    from fanfare_client.effects import Frame

TEXT_LIMIT = 100


class ProtocolServer:
    """Rooms over WebSockets, in one process.

    Attributes:
        received: every frame of every client.
        ignores: tells which frames of clients get lost.
        loses: tells which objects for clients get lost.
        statuses: the answers to the next handshakes; after them, all are let in.
        opened: the connections so far.
    """

    def __init__(self, page: int = 3) -> None:
        self.received: list[Frame] = []
        self.ignores: Callable[[Frame], bool] = lambda _: False
        self.loses: Callable[[Frame], bool] = lambda _: False
        self.statuses: list[HTTPStatus] = []
        self.opened: list[ServerConnection] = []
        self._page = page
        self._rooms: dict[str, ProtocolRoom] = {}
        self._members: dict[str, dict[ServerConnection, Frame]] = {}

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            subprotocols=[Subprotocol("fanfare.v1")],
            process_request=self._admit,
            compression=None,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """URL of the server."""
        port = next(iter(self._server.sockets)).getsockname()[1]
        return f"ws://127.0.0.1:{port}/api"

    def room(self, name: str = "tea") -> ProtocolRoom:
        """A room, made on first use."""
        return self._rooms.setdefault(name, ProtocolRoom(name, self._page))

    def members(self, name: str = "tea") -> list[ServerConnection]:
        """The connections in a room."""
        return list(self._members.get(name, {}))

    async def say(self, text: str, sender: Frame | None = None, id_: str | None = None) -> None:
        """Number a message in the room "tea" and tell its members."""
        room = self.room()
        message = room.say(sender or user("Bob"), id_ or f"b{room.seq}", text)
        assert message is not None
        await self._broadcast(message, None)

    async def post(self, to: ServerConnection, frame: Frame) -> None:
        """Send an object, or lose it."""
        if not self.loses(frame):
            try:
                await to.send(json.dumps([frame]))
            except ConnectionClosed:
                self._forget(to)

    async def _broadcast(self, message: Frame, sender: ServerConnection | None) -> None:
        room = self.room(message["room"])
        for to in self.members(room.name):
            if to is sender:
                await self.post(to, room.ack(message["data"], message["id"]))
            else:
                await self.post(to, message)

    def _admit(self, connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(self.statuses.pop(0), "") if self.statuses else None

    async def _serve(self, connection: ServerConnection) -> None:
        self.opened.append(connection)
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        you = {**user(query["session"][0]), "username": query["username"][0]}
        try:
            async for text in connection:
                frame = json.loads(text)
                self.received.append(dict(frame))
                if not self.ignores(frame):
                    await self._answer(connection, you, frame)
        except ConnectionClosed:
            pass
        finally:
            self._forget(connection)

    def _forget(self, connection: ServerConnection) -> None:
        for members in self._members.values():
            members.pop(connection, None)

    async def _answer(self, connection: ServerConnection, you: Frame, frame: Frame) -> None:
        action = frame.pop("action")
        if action == "renew":
            await self.post(connection, {"type": "renewed", "until": "2026-11-24T10:30:00.000Z"})
            return
        if action == "ping":
            rooms = {
                name: {"seq": self.room(name).seq, "epoch": self.room(name).epoch}
                for name in frame["rooms"]
                if connection in self._members[name]
            }
            await self.post(connection, {"type": "pong", "rooms": rooms})
            return
        room = self.room(frame.pop("room"))
        members = self._members.setdefault(room.name, {})
        error = self._refusal(action, room.name, connection, frame)
        if error is not None:
            names = {"action": action, "room": room.name, "id": frame.get("id")}
            refusal = {"type": "error", "code": error, "message": "No.", "retry": "never"}
            await self.post(connection, {**refusal, **names})
            return
        match action:
            case "join":
                members[connection] = you
                await self.post(connection, room.joined(you, **frame))
            case "leave":
                members.pop(connection, None)
                await self.post(connection, {"type": "left", "room": room.name})
            case "message":
                message = room.say(you, frame["id"], frame["message"])
                if message is not None:
                    await self._broadcast(message, connection)
                elif frame.get("resend"):
                    await self.post(connection, room.ack(you, frame["id"]))
            case "history":
                await self.post(connection, room.history(**frame))
            case "signal":
                for to in set(members) - {connection}:
                    told = {"type": "signal", "room": room.name, "from": you, **frame}
                    await self.post(to, told)
            case "who":
                start = int(frame.get("next", "0"))
                page: dict[str, Any] = {"type": "who", "room": room.name}
                page["members"] = list(members.values())[start : start + self._page]
                if start + self._page < len(members):
                    page["next"] = str(start + self._page)
                await self.post(connection, page)

    def _refusal(
        self, action: str, room: str, connection: ServerConnection, frame: Frame
    ) -> str | None:
        if not room.strip():
            return "bad_room"
        if action != "join" and connection not in self._members[room]:
            return "not_joined"
        if len(frame.get("message", "")) > TEXT_LIMIT:
            return "too_large"
        return None
