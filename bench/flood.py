"""Measure what floods cost others: a pair that talks, in quiet and beside a flood.

    python -m bench flood [SCENE ...] [--seconds 120] [--url ws://127.0.0.1:8001/api]

Start the application first (`make run`). In each scene two clients say and hear a message every
200 ms, first in quiet and then for as long beside a flood, whose senders heed no refusal:

    beyond     one connection in the pair's own room, at 50 times the rate that is allowed
    messages   one user with 50 connections in another room, each at the full rate of 10 a second
    signals    likewise, with signals
    users      25 users with 2 connections each, likewise, with messages

It prints how long the pair's messages took from `send` to the other's ears, the longest that
another member of the flooded room waited for one of the flood's, and what became of the flood.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import statistics
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

from bench.client import Client
from bench.flooder import flooding, sent_at
from bench.report import machine, progress, table

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bench.flooder import Action, Flood

INTERVAL: Final = 0.2
"""Seconds from one message of the pair to the next; twice as long as the default rate allows."""


@dataclass(frozen=True)
class Scene:
    """A flood.

    Attributes:
        rate: frames a second of each connection.
        beside: whether the pair talks in another room.
    """

    rate: float
    action: Action = "message"
    users: int = 1
    connections: int = 50
    beside: bool = True


SCENES: Final = {
    "beyond": Scene(500, connections=1, beside=False),
    "messages": Scene(10),
    "signals": Scene(10, action="signal"),
    "users": Scene(10, users=25, connections=2),
}


@dataclass(frozen=True)
class Row:
    """A scene: how long the pair's messages took, how long the flooded room's, in milliseconds.

    Attributes:
        room_wait_ms: the longest from the sending of a frame of the flood until another member of
            its room heard it.
        sent: frames of the flood.
        heard: those that another member heard.
        refused: the errors that the flood was answered, by code.
        closed: connections that the server closed.
        shut_out: handshakes that were refused.
    """

    scene: str
    quiet_p50_ms: int
    quiet_p99_ms: int
    p50_ms: int
    p99_ms: int
    p99_ratio: float
    room_wait_ms: int
    sent: int
    heard: int
    refused: str
    closed: int
    shut_out: int


@dataclass
class Talk:
    """The messages of a pair: how long each took, in seconds, and how many it heard of others."""

    delays: list[float] = field(default_factory=list)
    others: int = 0

    def quantile_ms(self, percent: int) -> int:
        """Return the delay that so many percent of the messages had at most."""
        cuts = statistics.quantiles(self.delays, n=100, method="inclusive")
        return round(cuts[percent - 1] * 1000)


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
async def witness(url: str, room: str) -> AsyncIterator[list[float]]:
    """Have another member of a flooded room hear it: the seconds that each frame took."""
    waits: list[float] = []

    async def listen(client: Client) -> None:
        waits.extend(
            [
                time.monotonic() - sent
                async for event in client.events()
                if (sent := sent_at(event)) is not None
            ]
        )

    async with Client(url, "Eve") as client:
        listening = asyncio.create_task(listen(client))
        await client.join(room)
        yield waits
    await listening


async def measure(url: str, name: str, seconds: float) -> Row:
    """Measure the pair in quiet, then beside a scene's flood, and what became of that."""
    scene = SCENES[name]
    flooded_room = f"flood-{secrets.token_hex(4)}"
    room = f"pair-{secrets.token_hex(4)}" if scene.beside else flooded_room
    await talk(url, room, 2)  # what is opened and cached at first is no part of it
    progress(f"{name}: in quiet, {seconds:g} s")
    quiet = await talk(url, room, seconds)
    progress(f"{name}: beside the flood, {seconds:g} s")
    async with (
        witness(url, flooded_room) as waits,
        flooding(
            url,
            flooded_room,
            scene.rate,
            action=scene.action,
            users=scene.users,
            connections=scene.connections,
        ) as flood,
    ):
        flooded = await talk(url, room, seconds)
    return row(name, quiet, flooded, waits, flood)


def row(scene: str, quiet: Talk, flooded: Talk, waits: Sequence[float], flood: Flood) -> Row:
    """Sum up a scene."""
    before, after = quiet.quantile_ms(99), flooded.quantile_ms(99)
    refused = ", ".join(f"{code} {count}" for code, count in sorted(flood.answers.items()))
    return Row(
        scene,
        quiet.quantile_ms(50),
        before,
        flooded.quantile_ms(50),
        after,
        round(after / before, 2),
        round(max(waits, default=0) * 1000),
        flood.sent,
        len(waits),
        refused or "none",
        flood.closed,
        flood.shut_out,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the scenes that the command line names, and print the figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench flood",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help="all, if none is named")
    parser.add_argument("--seconds", type=float, default=120, help="of each measurement")
    parser.add_argument("--url", default="ws://127.0.0.1:8001/api")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.scenes if name not in SCENES]:
        parser.error(f"there is no scene {unknown[0]!r}: take some of {', '.join(SCENES)}")
    load = machine()["load"]
    rows = [
        asyncio.run(measure(options.url, name, options.seconds))
        for name in options.scenes or SCENES
    ]
    print(table([asdict(one) for one in rows], words={"scene", "refused"}))
    print(f"load of the machine before: {load:.1f}")


if __name__ == "__main__":
    main()
