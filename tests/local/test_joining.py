"""Clients that connect while their room talks, through `chalice local` with real sockets."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from chalicelib.core.model import LOBBY
from fanfare_client.client import Client
from tests.support.application import Fanfare
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection

LISTENERS: Final = 200
AT_ONCE: Final = 50
"""Handshakes side by side."""

SPEAKERS: Final = 20
INTERVAL: Final = 1.0
"""Seconds from one message of a speaker to its next, so that there are 20 messages/s."""

LATENCY: Final = 0.5
"""Seconds from a `$connect` that has let a client in until the client hears of it."""


@pytest.fixture(scope="module")
def slow_handshakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fanfare]:
    """The application behind a gateway that answers handshakes late."""
    app = Fanfare(
        PROJECT,
        tmp_path_factory.mktemp("slow-handshakes"),
        APIGW_LOCAL_CHAOS=f"connect_latency_seconds={LATENCY}",
    )
    app.start()
    yield app
    app.stop()


@dataclass
class Lobby:
    """The messages of the lobby's speakers.

    Attributes:
        sent_at: when each text was handed to its client, by `time.monotonic`.
        seqs: the number of each text.
    """

    sent_at: dict[str, float] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)

    def missed(self, listener: Listener) -> set[int]:
        """Return the numbers that a listener should have heard and has not.

        It must hear all from the first that it heard on, and all that were sent after it had
        joined.
        """
        heard = {self.seqs[text] for text in listener.heard}
        owed = {seq for text, seq in self.seqs.items() if self.sent_at[text] > listener.joined_at}
        first = min(heard | owed)
        return set(range(first, max(self.seqs.values()) + 1)) - heard


@dataclass
class Listener:
    """A plain client.

    Attributes:
        joined_at: when it had certainly joined, by `time.monotonic`.
        heard: the texts that have arrived.
    """

    socket: ClientConnection
    joined_at: float
    heard: set[str] = field(default_factory=set)

    @classmethod
    async def enter(cls, url: str, name: str) -> Listener:
        """Connect."""
        socket = await connect(f"{url}?{urlencode({'username': name})}", compression=None)
        # `$connect`, which joins the lobby, had returned before the gateway let the answer wait.
        return cls(socket, time.monotonic() - LATENCY)

    async def listen(self) -> None:
        """Note what arrives until the socket is closed."""
        with suppress(ConnectionClosed):
            async for frame in self.socket:
                content = json.loads(frame)
                assert content["type"] == "message", content
                self.heard.add(content["data"]["message"])

    async def leave(self) -> None:
        """Read all that the gateway has posted, and disconnect."""
        await (await self.socket.ping())
        await self.socket.close()


def test_clients_that_connect_while_the_lobby_talks_miss_nothing(slow_handshakes: Fanfare) -> None:
    """200 plain clients hear every message from their join on, at 20 messages/s."""
    lobby, listeners = asyncio.run(_scene(slow_handshakes))
    missed = [len(lobby.missed(listener)) for listener in listeners]
    assert missed == [0] * LISTENERS


async def _scene(app: Fanfare) -> tuple[Lobby, list[Listener]]:
    """Let listeners in while speakers talk, and wait until all is said and heard."""
    lobby = Lobby()
    gate = asyncio.Semaphore(AT_ONCE)
    all_in = asyncio.Event()
    listening: list[asyncio.Task[None]] = []

    async def enter(name: str) -> Listener:
        async with gate:
            listener = await Listener.enter(app.websocket_url, name)
        listening.append(asyncio.create_task(listener.listen()))
        return listener

    async def speak(speaker: Client, number: int) -> None:
        due = time.monotonic() + number * INTERVAL / SPEAKERS
        for count in itertools.count():
            await asyncio.sleep(due - time.monotonic())
            if all_in.is_set():
                return
            await _say(lobby, speaker, f"{number}:{count}")
            due = max(due + INTERVAL, time.monotonic())

    async with AsyncExitStack() as stack, asyncio.timeout(100):
        speakers = await asyncio.gather(
            *(
                stack.enter_async_context(Client(app.websocket_url, f"speaker {number}"))
                for number in range(SPEAKERS)
            )
        )
        await asyncio.gather(*(speaker.join(LOBBY) for speaker in speakers))
        talk = asyncio.gather(*(speak(one, number) for number, one in enumerate(speakers)))
        listeners = await asyncio.gather(*(enter(f"listener {n}") for n in range(LISTENERS)))
        all_in.set()
        await talk
        await _say(lobby, speakers[0], "all are in")
        while not await asyncio.to_thread(_is_idle, app):
            await asyncio.sleep(0.1)
        await asyncio.gather(*(listener.leave() for listener in listeners))
        await asyncio.gather(*listening)
    return lobby, listeners


async def _say(lobby: Lobby, speaker: Client, text: str) -> None:
    lobby.sent_at[text] = time.monotonic()
    lobby.seqs[text] = await speaker.send(LOBBY, text)


def _is_idle(app: Fanfare) -> bool:
    """Whether nothing waits in the queue, and nothing taken from it is unfinished."""
    with urlopen(f"http://127.0.0.1:{app.port + 1}/_gateway.json") as answer:
        status: dict[str, Any] = json.load(answer)
    [queue] = status["queues"]
    return not (queue["visible"] or queue["in_flight"] or queue["delayed"])
