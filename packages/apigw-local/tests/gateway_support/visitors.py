"""Clients that come and go in every way, and an app that keeps count of them and often fails."""

from __future__ import annotations

import asyncio
import enum
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chalice.app import Chalice, Response, WebsocketEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

SEED = "2026-11-24"
SECONDS = 20.0

REQUEST = (
    "GET /api?number={number} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
GOING_AWAY = b"\x88\x82\0\0\0\0\x03\xe9"  # a close frame, masked with zeros: 1001


class Welcome(enum.Enum):
    """Answer of `$connect`."""

    ACCEPT = enum.auto()
    REFUSE = enum.auto()
    RAISE = enum.auto()


class Leave(enum.Enum):
    """End of a visit; all but `CLOSE` are abrupt."""

    CLOSE = enum.auto()  # with a close frame
    RESET = enum.auto()  # the TCP connection breaks
    END = enum.auto()  # it ends, without a close frame
    EARLY = enum.auto()  # it breaks while `$connect` runs


@dataclass(frozen=True)
class Visit:
    """Visit of one client, the same in each run.

    Attributes:
        number: the visitor's number.
        welcome: the answer of `$connect`.
        speaks: whether the visitor says something.
        leave: the end, half of the time with a close frame.
        failures: the routes whose handlers raise.
    """

    number: int
    welcome: Welcome
    speaks: bool
    leave: Leave
    failures: frozenset[str]

    @classmethod
    def of(cls, number: int) -> Visit:
        """The visit with a number."""
        chance = random.Random(f"{SEED} {number}")
        abrupt = (Leave.RESET, Leave.END, Leave.EARLY)
        return cls(
            number,
            welcome=chance.choices(tuple(Welcome), (8, 1, 1))[0],
            speaks=chance.random() < 0.5,
            leave=chance.choice(abrupt) if number % 2 else Leave.CLOSE,
            failures=frozenset(
                route for route in ("$default", "$disconnect") if chance.random() < 0.3
            ),
        )


class Reception:
    """An app that keeps count of its visitors.

    Attributes:
        app: the app.
        accepted: the ids of connections whose `$connect` has returned 2xx, with their visitors.
        left: invocations of `$disconnect` by id.
    """

    def __init__(self) -> None:
        self.app = Chalice("reception")
        self.app.websocket_api.configure("unused.example", "api")
        self.accepted: dict[str, int] = {}
        self.left: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._seen: dict[tuple[str, int], asyncio.Event] = {}
        self.app.on_ws_connect(name="connect")(self._connect)
        self.app.on_ws_message(name="message")(self._message)
        self.app.on_ws_disconnect(name="disconnect")(self._disconnect)

    def expect(self, route_key: str, number: int) -> asyncio.Event:
        """The event that is set when a route's handler is invoked for a visitor."""
        self._loop = asyncio.get_running_loop()
        return self._seen.setdefault((route_key, number), asyncio.Event())

    def _see(self, route_key: str, number: int) -> None:
        event = self._seen.pop((route_key, number), None)
        if event is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(event.set)

    def _connect(self, event: WebsocketEvent) -> Response:
        visit = Visit.of(int(event.to_dict()["queryStringParameters"]["number"]))
        self._see("$connect", visit.number)
        if visit.welcome is Welcome.RAISE:
            raise RuntimeError("$connect fails, as it should")
        if visit.welcome is Welcome.REFUSE:
            return Response(body="", status_code=403)
        self.accepted[event.connection_id] = visit.number
        return Response(body="")

    def _message(self, event: WebsocketEvent) -> None:
        if "$default" in Visit.of(self.accepted[event.connection_id]).failures:
            raise RuntimeError("$default fails, as it should")

    def _disconnect(self, event: WebsocketEvent) -> None:
        number = self.accepted[event.connection_id]
        self.left[event.connection_id] += 1
        self._see("$disconnect", number)
        if "$disconnect" in Visit.of(number).failures:
            raise RuntimeError("$disconnect fails, as it should")


async def receive(
    reception: Reception, port: int, numbers: Iterable[int], *, at_once: int, wait: bool
) -> None:
    """Let visitors come and go.

    Args:
        reception: the app behind the gateway.
        port: the gateway's.
        numbers: the visitors.
        at_once: the visitors at any time.
        wait: whether each waits for its `$disconnect` before the next one comes.
    """
    waiting = iter(numbers)

    async def take_turns() -> None:
        for number in waiting:
            async with asyncio.timeout(SECONDS):
                await _visit(reception, port, Visit.of(number), wait=wait)

    async with asyncio.TaskGroup() as visitors:
        for _ in range(at_once):
            visitors.create_task(take_turns())


async def _visit(reception: Reception, port: int, visit: Visit, *, wait: bool) -> None:
    entered = reception.expect("$connect", visit.number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST.format(number=visit.number).encode())
    if visit.leave is Leave.EARLY:
        await entered.wait()
    else:
        accepted = (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        assert accepted is (visit.welcome is Welcome.ACCEPT)
        if accepted and visit.speaks:
            writer.write(b"\x81\x82\0\0\0\0hi")
    if not wait or visit.welcome is not Welcome.ACCEPT:
        await _leave(reader, writer, visit)
        return
    gone = reception.expect("$disconnect", visit.number)
    await _leave(reader, writer, visit)
    await gone.wait()


async def _leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, visit: Visit) -> None:
    if visit.leave in {Leave.RESET, Leave.EARLY}:
        # Closing a socket that lingers for no time sends a reset.
        lingering: socket.socket = writer.get_extra_info("socket")
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return
    if visit.leave is Leave.CLOSE and visit.welcome is Welcome.ACCEPT:
        writer.write(GOING_AWAY)
        await reader.read()  # frames, the server's close among them, then the end
    writer.close()
    await writer.wait_closed()
