"""Rate of posts (AIMD) and delays of retries; pure, time comes as an argument."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ConnectionId

WINDOW: Final = 0.1
"""Seconds over which answers are judged together; a few round trips."""

DISTINCT: Final = 3
SHARE: Final = 0.1
"""From so many connections, and so large a share of the answers, 429 means the gateway as a whole.

Below, it means the few connections themselves: a client that does not read fills its buffer, and
the gateway answers posts to it with the same 429.
"""

DECREASE: Final = 0.7
INCREASE: Final = 500.0
"""Posts a second that are added each second: 5 % of an account's default quota of 10,000."""

SLOWEST: Final = 50.0
"""Posts a second however hard the gateway throttles; it takes some to notice that it stopped."""

UNLIMITED: Final = 20_000.0
"""Posts a second that one core does not reach, so that a rate above need not be kept."""

BURST: Final = 0.02
"""Seconds' worth of posts that may leave at once."""

MEMORY: Final = 1.0
"""Seconds that "the gateway throttles" stays true without being seen again."""


def full_jitter(
    tries: int, base: float, longest: float, draw: Callable[[], float] = random.random
) -> float:
    """Return the seconds to wait after so many tries.

    Anything between nothing and the full backoff, so that retries do not come in waves:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    return draw() * min(longest, base * 2.0 ** min(tries - 1, 30))


class RateController:
    """A rate that grows by addition and shrinks by multiplication, below an optional cap.

    There is no limit until the gateway throttles, or but the cap. Posts are spaced by GCRA, the
    generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

    Args:
        cap: posts a second that are never exceeded.
        now: the time, in seconds of any clock that does not jump; so in all methods.

    Attributes:
        rate: posts a second.
        due: from when on the next post may leave.
    """

    def __init__(self, cap: float | None, now: float) -> None:
        self._cap = math.inf if cap is None else cap
        self.rate = self._cap
        self.due = now
        self._window_at = now
        self._accepted = 0
        self._throttled: set[ConnectionId] = set()
        self._seen_at = -math.inf

    def take(self, now: float) -> None:
        """Count a post that leaves, `due` or later."""
        interval = 1 / self.rate
        # A post that left late does not put off the next ones: a burst catches up.
        self.due = max(self.due, now - max(0.0, BURST - interval)) + interval

    def throttled(self, connection_id: ConnectionId) -> None:
        """Note a 429."""
        self._throttled.add(connection_id)

    def is_throttled(self, now: float, accepted: int) -> bool:
        """Return whether the gateway as a whole throttles, not only some connections.

        Args:
            now: the time.
            accepted: how many posts the gateway has taken in all.
        """
        answers = accepted - self._accepted + len(self._throttled)
        if len(self._throttled) >= DISTINCT and len(self._throttled) > SHARE * answers:
            self._seen_at = now
        return now - self._seen_at < MEMORY

    def adjust(self, now: float, accepted: int) -> None:
        """Set the rate anew if a window has passed; the arguments are `is_throttled`'s."""
        elapsed = now - self._window_at
        if elapsed < WINDOW:
            return
        self.is_throttled(now, accepted)
        if self._seen_at == now:
            # What the gateway took tells its rate better than what it was offered.
            taken = (accepted - self._accepted) / elapsed
            if self.rate == math.inf:
                self.due = now
            self.rate = max(SLOWEST, DECREASE * min(self.rate, taken))
        elif self.rate < self._cap:
            self.rate += INCREASE * elapsed
            if self.rate > UNLIMITED:
                self.rate = self._cap
        self.rate = min(self.rate, self._cap)
        self._window_at = now
        self._accepted = accepted
        self._throttled.clear()
