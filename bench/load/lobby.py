"""Deliveries and delays of a chat: many clients in the lobby, some of whom talk.

Start the application first (`make run`), then `python -m bench.load.lobby`. It counts that every
other client got every message once, and prints how long the messages took from the sender's `send`
to each receiver. A message that the server refuses with `slow_down` is sent again when it says.
What it refuses in silence is counted as refused; that happens where `--rate` is beyond its limits.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import ChainMap, Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect

from bench.load.application import require_application

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Arrivals:
    """Arrivals at the clients.

    Attributes:
        copies: of each text at each client, by its number.
        delays: seconds from `send` to each receiver.
        refusals: answers `slow_down` to each client, by its number. A flood gets one a second, and
            no word of the other frames that are refused.
    """

    copies: Counter[tuple[int, str]] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)
    refusals: Counter[int] = field(default_factory=Counter)


class Talker:
    """A client's words: those still to be said, and from when on.

    Args:
        texts: what it has to say.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self.sent_at: dict[str, float] = {}
        self._due: asyncio.Queue[str] = asyncio.Queue()
        self._paused_until = 0.0
        for text in texts:
            self._due.put_nowait(text)

    async def talk(self, socket: ClientConnection, pause: float) -> None:
        """Say it all, and again what comes back, with a pause in seconds after each; never ends."""
        while True:
            text = await self._due.get()
            await asyncio.sleep(self._paused_until - time.perf_counter())
            self.sent_at.setdefault(text, time.perf_counter())
            frame = {"action": "message", "message": text, "type": "chat", "id": text}
            await socket.send(json.dumps(frame))
            await asyncio.sleep(pause)

    def repeat(self, text: str, seconds: float) -> None:
        """Say something again after some seconds, and nothing else before."""
        self._paused_until = time.perf_counter() + seconds
        self._due.put_nowait(text)


@dataclass(frozen=True)
class Outcome:
    """Counts and delays of a chat's messages.

    Attributes:
        messages: those that were sent.
        seconds: from the first `send` to the last delivery.
        delays: seconds from `send` to each receiver.
        slowed: answers `slow_down`.
        refused: messages that reached nobody, of senders that were told `slow_down`.
        lost: deliveries of other messages that are missing.
        doubled: deliveries beyond the first.
        unexpected: deliveries to the sender, or of what nobody here has sent.
    """

    messages: int
    seconds: float
    delays: Sequence[float]
    slowed: int
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
            f"slowed down {self.slowed} times\n"
            f"refused {self.refused}, lost {self.lost}, doubled {self.doubled},"
            f" echoed or strange {self.unexpected}"
        )

    @property
    def complaint(self) -> str | None:
        """The sentence for a chat that went wrong; None if all went well."""
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
        rate: messages a second of all of them.
        timeout: seconds to wait for the last.
    """
    addresses = [f"{url}?{urlencode({'username': f'c{n}'})}" for n in range(clients)]
    sockets = await asyncio.gather(*(connect(address) for address in addresses))
    talkers = [
        Talker([f"{sender}-{number}" for number in range(messages // senders)])
        for sender in range(senders)
    ]
    tally = Arrivals()
    expected = {
        (receiver, text)
        for sender, talker in enumerate(talkers)
        for text in talker.texts
        for receiver in range(clients)
        if receiver != sender
    }
    readers = [
        asyncio.create_task(_read(number, socket, tally, talkers))
        for number, socket in enumerate(sockets)
    ]
    start = time.perf_counter()
    talks = [
        asyncio.create_task(talker.talk(sockets[number], pause=senders / rate))
        for number, talker in enumerate(talkers)
    ]
    await _until_complete(tally, expected, timeout)
    seconds = time.perf_counter() - start
    for talk in talks:
        talk.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    await asyncio.gather(*(socket.close() for socket in sockets))
    await asyncio.gather(*readers)
    return judge(tally, expected, [talker.texts for talker in talkers], seconds)


async def _read(
    number: int, socket: ClientConnection, tally: Arrivals, talkers: Sequence[Talker]
) -> None:
    sent_at = ChainMap(*(talker.sent_at for talker in talkers))
    async for frame in socket:
        now = time.perf_counter()
        match json.loads(frame):
            case {"type": "message", "data": {"message": str(text)}}:
                tally.copies[number, text] += 1
                if text in sent_at:
                    tally.delays.append(now - sent_at[text])
            case {"code": "slow_down"} as refusal:
                tally.refusals[number] += 1
                if "id" in refusal:
                    talkers[number].repeat(refusal["id"], refusal["retryAfter"])
            case content:
                print(f"client {number} got {content}")


async def _until_complete(tally: Arrivals, expected: set[tuple[int, str]], timeout: float) -> None:
    deadline = time.perf_counter() + timeout
    while len(tally.copies) < len(expected) and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)


def judge(
    tally: Arrivals, expected: set[tuple[int, str]], texts: Sequence[Sequence[str]], seconds: float
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
        slowed=tally.refusals.total(),
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
    parser = argparse.ArgumentParser(prog="python -m bench.load.lobby", description=__doc__)
    parser.add_argument("url", nargs="?", default="ws://127.0.0.1:8001/api")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--senders", type=int, default=5)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--rate", type=float, default=20, help="messages/s of all senders")
    parser.add_argument("--timeout", type=float, default=60, help="seconds to wait for the last")
    return parser.parse_args()


if __name__ == "__main__":
    main()
