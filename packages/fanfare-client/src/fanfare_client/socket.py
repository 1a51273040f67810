"""One connection of a client: it reads, writes, and notices when the other side is gone."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from fanfare_client.effects import Frame


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of a client, in seconds; the figures are the protocol's.

    Attributes:
        reorder: for a hole to fill itself.
        answer: for an ack or any other answer.
        ping: from one `ping` to the next.
        pong: for anything after a `ping`.
        backoff: at most, before the first new connection; doubled with each further one.
        backoff_limit: what that doubles up to.
        steady: after which a connection counts as a good one, and the doubling starts anew.
        renewal: from one new token to the next, however often the server warns of its end.
        lifetime: between which ages a connection is replaced; the gateway ends it at 2 hours.
    """

    reorder: float = 0.5
    answer: float = 10
    ping: float = 4 * 60
    pong: float = 15
    backoff: float = 1
    backoff_limit: float = 30
    steady: float = 60
    renewal: float = 30
    lifetime: tuple[float, float] = (105 * 60, 115 * 60)


class Link:
    """One open WebSocket, from the handshake to its end.

    Attributes:
        task: runs as long as the connection; an exception in it is a bug.
        opened_at: the event loop's time.
        renewed_at: when it was last given a new token, likewise.
        rooms: those that answered `joined` over it.
        news: set at each such answer.
    """

    def __init__(
        self,
        socket: ClientConnection,
        timing: Timing,
        receive: Callable[[Link, Frame], None],
        ping: Callable[[], Frame],
    ) -> None:
        self._socket = socket
        self._timing = timing
        self._receive = receive
        self._ping = ping
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self.opened_at = self._heard_at = asyncio.get_running_loop().time()
        self.renewed_at = -math.inf
        self.rooms: set[str] = set()
        self.news = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    def send(self, frame: Frame) -> None:
        """Send a frame after those before it; it may get lost with the connection."""
        self._outgoing.put_nowait(json.dumps(frame, ensure_ascii=False))

    async def close(self) -> None:
        """Close the connection properly, and wait for that."""
        await self._socket.close()
        await self.task

    def abort(self) -> None:
        """Cut the connection off without a word."""
        self._socket.transport.abort()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(self._write()), group.create_task(self._keep_alive())]
            await self._read()
            for helper in helpers:
                helper.cancel()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                content = json.loads(await self._socket.recv())
                self._heard_at = loop.time()
                for frame in content if isinstance(content, list) else [content]:
                    self._receive(self, frame)
        except ConnectionClosed:
            return

    async def _write(self) -> None:
        try:
            while True:
                await self._socket.send(await self._outgoing.get())
        except ConnectionClosed:
            return

    async def _keep_alive(self) -> None:
        # With frames, not with the WebSocket's own pings: the gateway answers those itself, and
        # whether they count against its idle timeout is not documented.
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._timing.ping)
            pinged_at = loop.time()
            self.send(self._ping())
            await asyncio.sleep(self._timing.pong)
            if self._heard_at < pinged_at:
                self.abort()
                return
