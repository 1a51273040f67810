"""A client that stays in its rooms whatever happens to its connections.

    async with Client("wss://…/api", "Ada") as client:
        await client.join("tea")
        seq = await client.send("tea", "hi")

Its rules are those of docs/protocol.md; `fanfare_client.timeline` applies them to one room.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlencode

from websockets import Subprotocol
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from fanfare_client.room import ClientError, RefusedError, Room
from fanfare_client.socket import Link, Timing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from types import TracebackType

    from fanfare_client.effects import Frame

__all__ = ["Client", "ClientError", "RefusedError", "Timing"]

SUBPROTOCOL: Final = Subprotocol("fanfare.v1")
REFUSED_FOR_GOOD: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)


class Client:
    """One user, in any number of rooms, over one connection after another.

    Args:
        url: the WebSocket API, such as `ws://127.0.0.1:8001/api`.
        username: what others see.
        session: the client's secret, 16 to 64 characters; a new random one if not given.
        token: for servers that want one, a JSON Web Token, or what gets one: it is asked for each
            connection, and when the server says that the token ends soon. An error that it raises
            ends the client.
        timing: how long to wait for what.
        uniform: draws a random number between two others.
    """

    def __init__(
        self,
        url: str,
        username: str,
        *,
        session: str | None = None,
        token: str | Callable[[], Awaitable[str]] | None = None,
        timing: Timing = Timing(),  # noqa: B008  (it is frozen)
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        query = {"username": username, "session": session or secrets.token_urlsafe(16)}
        self._url = f"{url}?{urlencode(query)}"
        self._token = token
        self._timing = timing
        self._uniform = uniform
        self._ceiling = timing.backoff
        self._link: Link | None = None
        self._links: set[Link] = set()
        self._renewals: set[asyncio.Task[None]] = set()
        self._rooms: dict[str, Room] = {}
        self._listeners: set[asyncio.Queue[Frame | None]] = set()

    async def __aenter__(self) -> Self:
        """Connect, however often it takes.

        Raises:
            ClientError: the server refuses this client for good.
        """
        self._staying = asyncio.create_task(self._stay(await self._open()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in (self._staying, *self._renewals):
            task.cancel()
        try:
            with suppress(asyncio.CancelledError):
                await self._staying
        finally:
            self._end(ClientError("The client is closed."))
            await asyncio.gather(*(link.close() for link in self._links))

    async def join(self, room: str) -> None:
        """Become a member of a room, and stay one until `leave`.

        Raises:
            RefusedError: `bad_room` or `too_many_rooms`.
        """
        if room not in self._rooms:
            self._rooms[room] = Room(room, self._timing, self._send, self._publish)
            if self._link is not None:
                self._rooms[room].join()
        joined = self._rooms[room]
        await joined.entered.wait()
        if joined.error is not None:
            self._rooms.pop(room, None)
            raise joined.error

    async def leave(self, room: str) -> None:
        """Leave a room; what is still unsettled there fails with a ClientError."""
        await self._room(room).ask("leave")
        self._rooms.pop(room).close(ClientError(f"The room {room!r} was left."))

    async def send(self, room: str, text: str) -> int:
        """Say something, and return its seq when it is settled.

        Raises:
            RefusedError: the server refused it for good.
            OutboxFullError: too many messages of this client wait in this room.
        """
        return await self._room(room).say(text)

    def signal(self, room: str, data: object) -> None:
        """Tell the others something that is not kept; without a connection it is lost."""
        self._send({"action": "signal", "room": self._room(room).name, "data": data})

    async def who(self, room: str) -> list[Frame]:
        """Read all members of a room."""
        page = await self._room(room).ask("who")
        members: list[Frame] = page["members"]
        while "next" in page:
            page = await self._room(room).ask("who", next=page["next"])
            members += page["members"]
        return members

    async def history(
        self, room: str, *, after: int | None = None, before: int | None = None, limit: int = 50
    ) -> Frame:
        """Read a page of old messages, as the server's `history` object."""
        bounds = {"after": after, "before": before, "limit": limit}
        known = {key: value for key, value in bounds.items() if value is not None}
        return await self._room(room).ask("history", **known)

    def messages(self, room: str) -> list[Frame]:
        """Return the `message` objects delivered so far, in the room's order."""
        return list(self._room(room).timeline.delivered)

    def gaps(self, room: str) -> list[str]:
        """Return the reasons of the gaps that could not be filled."""
        return list(self._room(room).timeline.gaps)

    def events(self) -> AsyncIterator[Frame]:
        """Yield what happens in all rooms from now on, until the client is closed.

        These are the server's `message` (in order, once), `presence` and `signal` objects, and
        `{"type": "gap", "room": …, "reason": …}`.
        """
        queue: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._listeners.add(queue)
        return self._listen(queue)

    def drop(self) -> None:
        """Cut the TCP connection, as a lost network does; the client will resume."""
        if self._link is not None:
            self._link.abort()

    async def _listen(self, queue: asyncio.Queue[Frame | None]) -> AsyncIterator[Frame]:
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            self._listeners.discard(queue)

    def _publish(self, event: Frame) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    def _room(self, name: str) -> Room:
        if name not in self._rooms:
            raise ClientError(f"Join the room {name!r} first.")
        return self._rooms[name]

    def _send(self, frame: Frame) -> None:
        if self._link is not None:
            self._link.send(frame)

    async def _stay(self, link: Link) -> None:
        try:
            while True:
                await self._use(link)
                self._link = None
                for room in self._rooms.values():
                    room.lose()
                await self._back_off()
                link = await self._open()
        except Exception as error:
            self._end(ClientError(f"The client has ended: {error}"))
            raise

    def _end(self, error: ClientError) -> None:
        self._link = None
        for room in self._rooms.values():
            room.close(error)
        for queue in self._listeners:
            queue.put_nowait(None)

    async def _use(self, link: Link) -> None:
        """Return when the connection, or the last one of its successors, has ended."""
        self._link = link
        for room in list(self._rooms.values()):
            room.join()
        while True:
            ended, _ = await asyncio.wait(
                [link.task], timeout=self._uniform(*self._timing.lifetime)
            )
            if ended:
                break
            self._link = link = await self._hand_over(link)
        await link.task
        if asyncio.get_running_loop().time() - link.opened_at >= self._timing.steady:
            self._ceiling = self._timing.backoff

    async def _hand_over(self, link: Link) -> Link:
        """Return a successor that has joined every room, or the same one if there is none yet."""
        try:
            successor = await self._connect()
        except (OSError, InvalidHandshake):
            return link
        try:
            async with asyncio.timeout(self._timing.answer):
                await self._join_all(successor)
        except TimeoutError:
            await successor.close()
            return link
        # From here on nothing is sent over the old one. What was, and is not acked there by the
        # time it closes, comes over the successor as a message.
        self._link = successor
        for name in successor.rooms - self._rooms.keys():
            successor.send({"action": "leave", "room": name})
        await link.close()
        return successor

    async def _join_all(self, successor: Link) -> None:
        asked: set[str] = set()
        while self._rooms.keys() - successor.rooms:
            for name in self._rooms.keys() - asked:
                successor.send(self._rooms[name].resumption())
                asked.add(name)
            successor.news.clear()
            await successor.news.wait()

    async def _open(self) -> Link:
        while True:
            try:
                return await self._connect()
            except InvalidStatus as error:
                if self._is_final(error.response.status_code):
                    raise ClientError(f"The server refuses this client: {error}.") from error
            except (OSError, InvalidHandshake):
                pass
            await self._back_off()

    def _is_final(self, status: int) -> bool:
        # The token of the next attempt may be a better one, where there is another.
        wrong_token = status == HTTPStatus.UNAUTHORIZED and not callable(self._token)
        return wrong_token or status in REFUSED_FOR_GOOD

    async def _connect(self) -> Link:
        token = await self._token() if callable(self._token) else self._token
        offers = [SUBPROTOCOL, *([Subprotocol(token)] if token else [])]
        socket = await connect(self._url, subprotocols=offers, compression=None, ping_interval=None)
        link = Link(socket, self._timing, self._receive, self._ping)
        self._links.add(link)
        link.task.add_done_callback(lambda _: self._links.discard(link))
        return link

    def _renew(self, link: Link) -> None:
        now = asyncio.get_running_loop().time()
        if not callable(self._token) or now < link.renewed_at + self._timing.renewal:
            return
        link.renewed_at = now
        task = asyncio.create_task(self._bring(link, self._token))
        self._renewals.add(task)
        task.add_done_callback(self._renewals.discard)

    async def _bring(self, link: Link, token: Callable[[], Awaitable[str]]) -> None:
        link.send({"action": "renew", "token": await token()})

    def _ping(self) -> Frame:
        # With the rooms, since what passes this client by in a room that falls silent afterwards
        # would be noticed by nothing else.
        return {"action": "ping", "rooms": list(self._rooms)}

    async def _back_off(self) -> None:
        # Full jitter: thousands may have been dropped at once, and 500 may connect per second.
        # https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        await asyncio.sleep(self._uniform(0, self._ceiling))
        self._ceiling = min(2 * self._ceiling, self._timing.backoff_limit)

    def _receive(self, link: Link, frame: Frame) -> None:
        match frame:
            case {"type": "error", "retry": "reconnect"}:
                link.abort()
                return
            case {"type": "expiring"}:
                self._renew(link)
            case {"type": "error", "retry": "later", "room": str(name)} if name in self._rooms:
                self._rooms[name].join_later(frame.get("retryAfter", self._timing.backoff))
            case {"type": "joined", "room": str(name)}:
                link.rooms.add(name)
                link.news.set()
            case {"type": "pong", "rooms": dict(positions)}:
                for name in positions.keys() & self._rooms.keys():
                    self._rooms[name].learn(**positions[name])
            case {"message": _, "requestId": _}:
                # The gateway's own word that a Lambda failed; it names neither room nor frame.
                for room in self._rooms.values():
                    room.join_later(self._timing.backoff)
        if (known := self._rooms.get(frame.get("room", ""))) is not None:
            known.receive(frame)
