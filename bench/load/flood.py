"""Delays of a pair that talks, in quiet and beside a flood.

    python -m bench flood [SCENE ...] [--seconds 120] [--rate 10]
    python -m bench flood [SCENE ...] --url ws://127.0.0.1:8001/api

Without `--url` it runs the use cases in simulated time, on AWS as `planning.simulation` knows it.
With it, it floods a running application (`make run`), which takes a machine with cores to spare:
500 frames a second are more than two can carry. In each scene two clients say and hear a message
every 200 ms, first in quiet and then for as long beside a flood, whose senders heed no refusal:

    beyond     one connection in the pair's own room, at 50 times the rate that is allowed; with
               `--url` only
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
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from bench.load.application import require_application
from bench.load.flood_scenes import INTERVAL, SCENES, Row, Scene, Talk, row
from bench.load.flooder import flooding, sent_at
from bench.report import machine, progress, table
from fanfare_client.client import Client
from planning.simulation.flood import SIMULATED, simulate
from planning.simulation.path import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence


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


async def measure(url: str, scene: Scene, name: str, seconds: float) -> Row:
    """Measure the pair in quiet, then beside a scene's flood, and what became of that."""
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


def _measured(url: str, scene: Scene, name: str, seconds: float) -> Row:
    try:
        return asyncio.run(measure(url, scene, name, seconds))
    except TimeoutError:
        frames = scene.users * scene.connections * scene.rate
        sys.exit(
            f"The pair has not heard all of its messages after 30 s: this machine can't carry the "
            f"{frames:g} frames a second of '{name}'. Try a smaller --rate, or leave --url out."
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
    parser.add_argument("--rate", type=float, help="frames a second of each flooding connection")
    parser.add_argument("--url", help="of a running application; without, all is simulated")
    options = parser.parse_args(arguments)
    scenes = tuple(SCENES) if options.url else SIMULATED
    if unknown := [name for name in options.scenes if name not in scenes]:
        parser.error(f"there is no scene {unknown[0]!r} here: take some of {', '.join(scenes)}")
    if options.url:
        require_application(options.url)
    load = machine()["load"]
    rows = []
    for name in options.scenes or scenes:
        scene = SCENES[name]
        if options.rate is not None:
            scene = replace(scene, rate=options.rate)
        if options.url:
            rows.append(_measured(options.url, scene, name, options.seconds))
        else:
            rows.append(simulate(scene, name, options.seconds, World()))
    print(table([asdict(one) for one in rows], words={"scene", "refused"}))
    if options.url:
        print(f"load of the machine before: {load:.1f}")


if __name__ == "__main__":
    main()
