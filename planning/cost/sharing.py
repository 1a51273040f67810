"""Posts for a delivered message in a busy room."""

from __future__ import annotations

import math
from bisect import bisect
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

MEASURED: Final = {
    10: ((1.0, 1.00), (10.0, 1.00), (20.0, 1.00), (50.0, 0.64)),
    100: ((1.0, 1.00), (10.0, 1.00), (20.0, 0.50), (50.0, 0.21)),
    1_000: (
        *((1.0, 1.00), (2.0, 0.70), (3.0, 0.53), (5.0, 0.32)),
        *((10.0, 0.20), (20.0, 0.16), (50.0, 0.11)),
    ),
}
"""By members of the room: messages a second, and posts per delivered message.

From `python -m bench rooms`, as quoted in docs/scale.md: the real broadcast, on one machine, with a
queue that takes 10 ms. The queue of AWS takes longer, so that more messages would share a frame.
"""

BUSIEST: Final = 50.0
"""Messages a second up to which rooms were measured."""


def posts_per_delivered(members: int, rate: float) -> float:
    """Return how many posts each reception of a message takes on average.

    Straight between what was measured, on logarithmic scales of members and messages a second;
    like the nearest measured room outside of them.
    """
    return _between(
        [(size, _between(cells, rate)) for size, cells in MEASURED.items()], float(members)
    )


def _between(points: Sequence[tuple[float, float]], x: float) -> float:
    places = [place for place, _ in points]
    above = bisect(places, x)
    if above == 0:
        return points[0][1]
    if above == len(points):
        return points[-1][1]
    (low, first), (high, last) = points[above - 1], points[above]
    return first + (last - first) * math.log(x / low) / math.log(high / low)
