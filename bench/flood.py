"""Measure what a flood costs the others: a pair that talks, in quiet and beside a flooder.

Start the application first (`make run`), then `python -m bench.flood`. Two clients of a room say
and hear a message every 200 ms; then they do so again while another member sends as fast as it is
told to, whatever it is answered, and comes back as often as it is closed. It prints how long the
pair's messages took from `send` to the other's ears, and what became of the flood.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import time
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.client import SUBPROTOCOL, Client
from bench.report import progress, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

INTERVAL: Final = 0.2
"""Seconds from one message of the pair to the next; twice as long as the default rate allows."""

RETURN_SECONDS: Final = 0.5
"""Seconds after which a flooder that was closed, or not let in, tries again."""


@dataclass(frozen=True)
class Row:
    """How long the pair's messages took, in milliseconds, and how many of others it heard."""

    beside: str
    messages: int
    p50_ms: int
    p99_ms: int
    longest_ms: int
    others: int


@dataclass
class Talk:
    """What a pair said: how long each message took, in seconds, and what it heard of others."""

    delays: list[float] = field(default_factory=list)
    others: int = 0


@dataclass
class Flood:
    """What became of a flood.

    Attributes:
        sent: frames.
        answers: codes of the errors that came back.
        closed: how often the server closed it.
        shut_out: how often its handshake was refused.
    """

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    closed: int = 0
    shut_out: int = 0

    def __str__(self) -> str:
        """Show it, in a line."""
        answers = ", ".join(f"{code} {count}" for code, count in self.answers.items()) or "none"
        return (
            f"flood       {self.sent} frames sent; answers: {answers};"
            f" closed {self.closed} times, not let in {self.shut_out} times"
        )


async def talk(url: str, room: str, seconds: float) -> Talk:
    """Let a pair talk, and return what it was like.

    Messages are sent when they are due, whether the one before has arrived or not, and their time
    counts from then.

    Raises:
        TimeoutError: some did not arrive within 30 s after the last.
    """
    count = round(seconds / INTERVAL)
    said: dict[str, float] = {}
    heard = Talk()
    async with Client(url, "Ada") as ada, Client(url, "Bob") as bob:
        await asyncio.gather(ada.join(room), bob.join(room))
        events = bob.events()

        async def listen() -> None:
            async for event in events:
                text = event["data"]["message"] if event["type"] == "message" else None
                if text in said:
                    heard.delays.append(time.perf_counter() - said[text])
                elif text is not None:
                    heard.others += 1
                if len(heard.delays) == count:
                    return

        listening = asyncio.create_task(listen())
        sending = []
        start = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(start + number * INTERVAL - time.perf_counter())
            text = secrets.token_hex(8)
            said[text] = time.perf_counter()
            sending.append(asyncio.create_task(ada.send(room, text)))
        async with asyncio.timeout(30):
            await asyncio.gather(listening, *sending)
    return heard


@asynccontextmanager
async def flooding(url: str, room: str, rate: float) -> AsyncIterator[Flood]:
    """Flood a room while the block runs, `rate` messages a second, always as the same user."""
    flood = Flood()
    query = urlencode({"username": "Mallory", "session": secrets.token_urlsafe(16)})
    task = asyncio.create_task(_flood(f"{url}?{query}", room, rate, flood))
    try:
        yield flood
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _flood(address: str, room: str, rate: float, flood: Flood) -> None:
    while True:
        try:
            async with connect(
                address, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None
            ) as socket:
                await _pour(socket, room, rate, flood)
        except InvalidStatus:
            flood.shut_out += 1
        await asyncio.sleep(RETURN_SECONDS)


async def _pour(socket: ClientConnection, room: str, rate: float, flood: Flood) -> None:
    await socket.send(json.dumps({"action": "join", "room": room}))
    await socket.recv()
    reading = asyncio.create_task(_count(socket, flood))
    start, sent = time.perf_counter(), 0
    try:
        while True:
            frame = {"action": "message", "room": room, "message": "x" * 50}
            await socket.send(json.dumps(frame))
            flood.sent += 1
            sent += 1
            await asyncio.sleep(start + sent / rate - time.perf_counter())
    except ConnectionClosed:
        flood.closed += 1
    finally:
        await reading


async def _count(socket: ClientConnection, flood: Flood) -> None:
    with suppress(ConnectionClosed):
        async for text in socket:
            content = json.loads(text)
            for frame in content if isinstance(content, list) else [content]:
                if frame.get("type") == "error":
                    flood.answers[frame["code"]] += 1


def row(beside: str, heard: Talk) -> Row:
    """Sum up how long messages took."""
    cuts = statistics.quantiles(heard.delays, n=100, method="inclusive")
    return Row(
        beside,
        len(heard.delays),
        p50_ms=round(cuts[49] * 1000),
        p99_ms=round(cuts[98] * 1000),
        longest_ms=round(max(heard.delays) * 1000),
        others=heard.others,
    )


async def measure(url: str, seconds: float, rate: float) -> tuple[list[Row], Flood]:
    """Measure the pair in quiet, then beside a flood."""
    room = f"flood-{secrets.token_hex(4)}"
    await talk(url, room, 2)  # what is opened and cached at first is no part of it
    progress(f"in quiet, {seconds:g} s")
    quiet = row("nobody", await talk(url, room, seconds))
    progress(f"beside {rate:g} messages/s, {seconds:g} s")
    async with flooding(url, room, rate) as flood:
        flooded = row("a flooder", await talk(url, room, seconds))
    return [quiet, flooded], flood


def main() -> None:
    """Run the measurement that the command line describes, and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.flood", description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8001/api")
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement")
    parser.add_argument("--rate", type=float, default=500, help="the flooder's messages/s")
    rows, flood = asyncio.run(measure(**vars(parser.parse_args())))
    print(table([asdict(one) for one in rows]))
    print(f"p99 ratio   {rows[1].p99_ms / rows[0].p99_ms:.2f}")
    print(flood)


if __name__ == "__main__":
    main()
