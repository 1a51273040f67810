"""Proof that rooms lose nothing: clients talk while their connections are cut at random.

Start the application first (`make run`), then `python -m bench.load.reconnects`. With
`--touch FILE` it
changes that file's time in mid-traffic, so that `chalice local` reloads.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.load.application import require_application
from fanfare_client.client import Client, Timing

CUTS_PER_CLIENT = 2


@dataclass(frozen=True)
class Outcome:
    """Counts of the messages that every client had of every room in the end."""

    messages: int
    deliveries: int
    cuts: int
    seconds: float
    missing: int
    doubled: int
    out_of_order: int
    gaps: int

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled or turned around."""
        return not (self.missing or self.doubled or self.out_of_order or self.gaps)

    def __str__(self) -> str:
        """Show the counts, a line each."""
        return (
            f"messages      {self.messages} in {self.seconds:.1f} s\n"
            f"deliveries    {self.deliveries}\n"
            f"cuts          {self.cuts}\n"
            f"missing {self.missing}, doubled {self.doubled},"
            f" out of order {self.out_of_order}, gaps {self.gaps}"
        )


async def storm(
    url: str, *, clients: int, rooms: int, messages: int, seed: int, touch: Path | None = None
) -> Outcome:
    """Let clients talk in all of the rooms while connections are cut, and look at what they have.

    Raises:
        TimeoutError: some messages were not settled, or did not arrive everywhere, in 5 minutes.
    """
    chance = random.Random(seed)  # noqa: S311 - a test's choices, not a secret
    names = [f"storm-{secrets.token_hex(4)}-{number}" for number in range(rooms)]
    timing = Timing(backoff=0.2, backoff_limit=3)
    start = time.perf_counter()
    async with AsyncExitStack() as stack, asyncio.timeout(300):
        talkers = [
            await stack.enter_async_context(Client(url, f"c{number}", timing=timing))
            for number in range(clients)
        ]
        await asyncio.gather(*(client.join(name) for client in talkers for name in names))
        said = [(chance.choice(talkers), chance.choice(names), str(n)) for n in range(messages)]
        cuts = set(chance.sample(range(messages), min(clients * CUTS_PER_CLIENT, messages)))
        pending = []
        for number, (client, name, text) in enumerate(said):
            pending.append(asyncio.create_task(client.send(name, text)))
            if number in cuts:
                chance.choice(talkers).drop()
            if touch and number == messages // 2:
                touch.touch()
            await asyncio.sleep(0.002)
        await asyncio.gather(*pending)
        sizes = Counter(name for _, name, _ in said)
        while any(len(c.messages(name)) < sizes[name] for c in talkers for name in names):
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - start
        held = {name: [client.messages(name) for client in talkers] for name in names}
        gaps = sum(len(client.gaps(name)) for client in talkers for name in names)
    return _judge(said, held, cuts=len(cuts), gaps=gaps, seconds=seconds)


def _judge(
    said: list[tuple[Client, str, str]],
    held: dict[str, list[list[dict[str, Any]]]],
    *,
    cuts: int,
    gaps: int,
    seconds: float,
) -> Outcome:
    missing = doubled = out_of_order = deliveries = 0
    for name, logs in held.items():
        expected = Counter(text for _, room, text in said if room == name)
        order = [message["data"]["message"] for message in logs[0]]
        for log in logs:
            texts = [message["data"]["message"] for message in log]
            deliveries += len(texts)
            missing += (expected - Counter(texts)).total()
            doubled += (Counter(texts) - expected).total()
            dense = [message["seq"] for message in log] == list(range(1, len(log) + 1))
            out_of_order += texts != order or not dense
    return Outcome(len(said), deliveries, cuts, seconds, missing, doubled, out_of_order, gaps)


def main() -> None:
    """Run the storm that the command line describes, and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m bench.load.reconnects", description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8001/api")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--rooms", type=int, default=3)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--touch", type=Path, help="a file of the application, to make it reload")
    options = parser.parse_args()
    require_application(options.url)
    outcome = asyncio.run(storm(**vars(options)))
    print(outcome)
    sys.exit(0 if outcome.sound else "Something was lost, doubled or turned around.")


if __name__ == "__main__":
    main()
