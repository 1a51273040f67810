"""Measure a chat: many clients in the lobby, some of whom talk.

Start the application first (`make run`), then `python -m bench.lobby`. It counts that every other
client got every message once, and prints how long the messages took from the sender's `send` to
each receiver. Senders keep to the server's limit of frames a second, 10 by default, unless `--rate`
asks for more: what the server refuses then is counted as refused.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

from bench.application import require_application
from chalicelib.limits import LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Tally:
    """What has arrived at the clients.

    Attributes:
        copies: of each text at each client, by its number.
        delays: seconds from `send` to each receiver.
        refusals: answers `slow_down` to each client, by its number. A flood gets one a second, and
            no word of the other frames that are refused.
    """

    copies: Counter[tuple[int, str]] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True)
class Outcome:
    """What became of the messages, and how long they took.

    Attributes:
        messages: those that were sent.
        seconds: from the first to the last delivery.
        delays: seconds from `send` to each receiver.
        refused: messages that reached nobody, of senders that were told `slow_down`.
        lost: deliveries of other messages that are missing.
        doubled: deliveries beyond the first.
        unexpected: deliveries to the sender, or of what nobody here has sent.
    """

    messages: int
    seconds: float
    delays: Sequence[float]
    refused: int
    lost: int
    doubled: int
    unexpected: int

    def __str__(self) -> str:
        """Show the figures, a line each."""
        cuts = statistics.quantiles(self.delays, n=100) if len(self.delays) > 1 else [0.0] * 99
        return (
            f"messages    {self.messages} in {self.seconds:.2f} s,"
            f" {self.messages / self.seconds:.0f}/s\n"
            f"deliveries  {len(self.delays)}, {len(self.delays) / self.seconds:.0f}/s\n"
            f"delay       p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms\n"
            f"refused {self.refused}, lost {self.lost}, doubled {self.doubled},"
            f" echoed or strange {self.unexpected}"
        )

    @property
    def complaint(self) -> str | None:
        """What went wrong, if anything did."""
        if self.lost or self.doubled or self.unexpected:
            return "The chat did not deliver every message once to everyone else."
        if self.refused:
            return f"The server refused {self.refused} messages: try a lower --rate."
        return None


async def chat(
    url: str, *, clients: int, senders: int, messages: int, rate: float, timeout: float
) -> Outcome:
    """Let some of many clients talk in the lobby, and return what became of it.

    Args:
        url: the WebSocket API.
        clients: how many are in the lobby.
        senders: how many of them talk.
        messages: how many all of them send.
        rate: messages a second of all of them; 0 for as many as the server's limits allow.
        timeout: seconds to wait for the last.
    """
    addresses = [f"{url}?{urlencode({'username': f'c{n}'})}" for n in range(clients)]
    sockets = await asyncio.gather(*(connect(address) for address in addresses))
    texts = [
        [f"{sender}:{number}" for number in range(messages // senders)] for sender in range(senders)
    ]
    tally, sent_at = Tally(), dict[str, float]()
    expected = {
        (receiver, text)
        for sender, own in enumerate(texts)
        for text in own
        for receiver in range(clients)
        if receiver != sender
    }
    readers = [
        asyncio.create_task(_read(number, socket, tally, sent_at))
        for number, socket in enumerate(sockets)
    ]
    start = time.perf_counter()
    pause = senders / rate if rate else 1 / LIMITS.frames
    await asyncio.gather(
        *(_talk(sockets[n], own, sent_at, pause) for n, own in enumerate(texts)),
        _until_complete(tally, expected, timeout),
    )
    seconds = time.perf_counter() - start
    await asyncio.gather(*(socket.close() for socket in sockets))
    await asyncio.gather(*readers)
    return judge(tally, expected, texts, seconds)


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
            tally.refusals[number] += content.get("code") == "slow_down"
            print(f"client {number} got {content}")
            continue
        text = content["data"]["message"]
        tally.copies[number, text] += 1
        if text in sent_at:
            tally.delays.append(now - sent_at[text])


async def _until_complete(tally: Tally, expected: set[tuple[int, str]], timeout: float) -> None:
    deadline = time.perf_counter() + timeout
    while len(tally.copies) < len(expected) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)


def judge(
    tally: Tally, expected: set[tuple[int, str]], texts: Sequence[Sequence[str]], seconds: float
) -> Outcome:
    """Compare what has arrived with what was sent.

    Args:
        tally: what has arrived.
        expected: each text and each client that was to get it.
        texts: those of each sender.
        seconds: how long it took.
    """
    arrived = {text for _, text in tally.copies}
    refused = {
        text
        for sender, own in enumerate(texts)
        for text in own
        if tally.refusals[sender] and text not in arrived
    }
    return Outcome(
        messages=sum(map(len, texts)),
        seconds=seconds,
        delays=tally.delays,
        refused=len(refused),
        lost=sum(text not in refused for _, text in expected - tally.copies.keys()),
        doubled=sum(copies > 1 for copies in tally.copies.values()),
        unexpected=len(tally.copies.keys() - expected),
    )


def main() -> None:
    """Run the measurement that the command line describes, and print the figures."""
    options = _options()
    require_application(options.url)
    outcome = asyncio.run(chat(**vars(options)))
    print(outcome)
    sys.exit(outcome.complaint)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lobby", description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8001/api")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--senders", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--rate", type=float, default=0, help="messages/s; 0: the limit")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for the last")
    return parser.parse_args()


if __name__ == "__main__":
    main()
