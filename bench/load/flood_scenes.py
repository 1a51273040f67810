"""Floods to measure, and the figures of each."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    Action = Literal["message", "signal"]

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


@dataclass
class Flood:
    """The course of a flood.

    Attributes:
        sent: frames.
        answers: codes of the errors that came back.
        closed: how often the server closed a connection.
        shut_out: how often a handshake was refused.
    """

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    closed: int = 0
    shut_out: int = 0


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
