"""Deliveries and delays of a chat: many clients in the lobby, some of whom talk.

Start the application first (`make run`), then `python -m bench.load.lobby`. It counts that every
other
client got every message once, and prints how long the messages took from the sender's `send` to
each receiver.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Tally:
    """Arrivals: the count of each text at each client, and the seconds each took."""

    copies: Counter[tuple[int, str]] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)


async def main() -> None:
    """Run the measurement that the command line describes, and print the figures.

    Raises:
        SystemExit: something was lost, doubled, or echoed to its sender.
    """
    options = _options()
    urls = [f"{options.url}?{urlencode({'username': f'c{n}'})}" for n in range(options.clients)]
    clients = await asyncio.gather(*(connect(url) for url in urls))
    texts = [
        [f"{sender}:{number}" for number in range(options.messages // options.senders)]
        for sender in range(options.senders)
    ]
    tally, sent_at = Tally(), dict[str, float]()
    expected = {
        (receiver, text)
        for sender, own in enumerate(texts)
        for text in own
        for receiver in range(options.clients)
        if receiver != sender
    }
    readers = [
        asyncio.create_task(_read(number, client, tally, sent_at))
        for number, client in enumerate(clients)
    ]
    start = time.perf_counter()
    pause = options.senders / options.rate if options.rate else 0.0
    await asyncio.gather(
        *(_talk(clients[n], own, sent_at, pause) for n, own in enumerate(texts)),
        _until_complete(tally, expected, options.timeout),
    )
    seconds = time.perf_counter() - start
    await asyncio.gather(*(client.close() for client in clients))
    await asyncio.gather(*readers)
    _report(tally, expected, len(sent_at), seconds)


async def _talk(
    client: ClientConnection, texts: list[str], sent_at: dict[str, float], pause: float
) -> None:
    for text in texts:
        sent_at[text] = time.perf_counter()
        await client.send(json.dumps({"action": "message", "message": text, "type": "chat"}))
        await asyncio.sleep(pause)


async def _read(
    number: int, client: ClientConnection, tally: Tally, sent_at: dict[str, float]
) -> None:
    async for frame in client:
        now = time.perf_counter()
        content = json.loads(frame)
        if content.get("type") != "message":
            print(f"client {number} got {content}")
            continue
        text = content["data"]["message"]
        tally.copies[number, text] += 1
        tally.delays.append(now - sent_at[text])


async def _until_complete(tally: Tally, expected: set[tuple[int, str]], timeout: float) -> None:
    deadline = time.perf_counter() + timeout
    while len(tally.copies) < len(expected) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)


def _report(tally: Tally, expected: set[tuple[int, str]], messages: int, seconds: float) -> None:
    lost = expected - tally.copies.keys()
    unexpected = tally.copies.keys() - expected
    doubled = [key for key, copies in tally.copies.items() if copies > 1]
    cuts = statistics.quantiles(tally.delays, n=100)
    print(f"messages    {messages} in {seconds:.2f} s, {messages / seconds:.0f}/s")
    print(f"deliveries  {len(tally.delays)}, {len(tally.delays) / seconds:.0f}/s")
    print(f"delay       p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms")
    print(f"lost {len(lost)}, doubled {len(doubled)}, echoed or strange {len(unexpected)}")
    if lost or doubled or unexpected:
        raise SystemExit("The chat did not deliver every message once to everyone else.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.load.lobby", description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8001/api")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--senders", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0, help="messages/s, 0 for all at once")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for the last")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main())
