"""The parts of the simulation that are plain arithmetic."""

from __future__ import annotations

import bisect
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from chalicelib.core.fanout import Fanout
from chalicelib.core.shards import CAPACITY
from planning.quotas import BATCH, QUEUE_LATENCY

if TYPE_CHECKING:
    from collections.abc import Iterable

FANOUT: Final = Fanout()


def linger(members: int, groups: int, jobs: int) -> float:
    """Return for how many seconds a group stays locked after a batch was posted to so many members.

    Only when the batch was for that group alone, so that no other waits, and not when it was full,
    since more is waiting then.
    """
    if groups > 1 or jobs >= BATCH:
        return 0.0
    return FANOUT.linger(members)


def split(members: int) -> list[int]:
    """Return the sizes of the jobs that a range of so many members is split into; [] for a leaf."""
    if members <= FANOUT.leaf:
        return []
    jobs = min(FANOUT.branching, math.ceil(members / FANOUT.leaf))
    return [members // jobs + (number < members % jobs) for number in range(jobs)]


def level_of(members: int) -> int:
    """Return the level that a room of so many members goes on to."""
    return sum(members > most for most in CAPACITY)


def queue_latency(chance: float) -> float:
    """Return the seconds from sending to the handler for a number drawn from 0 to 1.

    Straight between the published percentiles on a logarithmic scale, and level outside them: what
    lies above the 99th is not known.
    """
    shares = [share for share, _ in QUEUE_LATENCY]
    place = bisect.bisect(shares, chance)
    if place == 0:
        return QUEUE_LATENCY[0][1]
    if place == len(shares):
        return QUEUE_LATENCY[-1][1]
    (low, shortest), (high, longest) = list(pairwise(QUEUE_LATENCY))[place - 1]
    return shortest * math.pow(longest / shortest, (chance - low) / (high - low))


def percentile(samples: Iterable[tuple[float, float]], share: float) -> float:
    """Return the value that a share of the samples' weight lies at or below.

    Args:
        samples: values, each with its weight; at least one.
        share: from 0 to 1.
    """
    ordered = sorted(samples)
    wanted = share * sum(weight for _, weight in ordered)
    for value, weight in ordered:
        wanted -= weight
        if wanted <= 1e-9:
            return value
    return ordered[-1][0]
