"""Token buckets: one for who takes turns, and the gateway's, which all share at once."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simpy import Environment, Event

NEARLY: Final = 1e-6
"""Posts; what is closer counts as equal, since times are rounded."""


class Bucket:
    """A token bucket, full at first, that serves in turn."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._empty_at = -burst / rate

    def wait(self, tokens: float, now: float) -> float:
        """Take tokens, and return the seconds until the last of them is there."""
        began = max(self._empty_at, now - self._burst / self._rate)
        self._empty_at = began + tokens / self._rate
        return max(0.0, self._empty_at - now)


class Gateway:
    """The account's bucket for requests, shared evenly by all who post at the same time.

    A batch of posts is one flow. While there are tokens, each flow runs at the poster's pace; when
    they are used up and more is offered than the quota, all share what the quota gives. As they all
    have the same pace, one clock that counts what each flow has had tells when the next one ends:
    the cost does not depend on the number of posts, and nothing is rounded to steps of time.

    Args:
        rate: tokens a second.
        burst: tokens at most, and at first.
        pace: posts a second of one flow.
        share: how much of the rate posters use while they are throttled.
    """

    def __init__(
        self, env: Environment, rate: float, burst: float, pace: float, share: float = 1.0
    ) -> None:
        self.throttled_seconds = 0.0
        self._env = env
        self._rate = rate
        self._burst = burst
        self._pace = pace
        self._share = share
        self._tokens = burst
        self._had = 0.0
        self._at = env.now
        self._flows: list[tuple[float, int, Event]] = []
        self._numbers: Iterator[int] = count()
        self._turn = 0

    def take(self, posts: float) -> Event:
        """Return what happens when so many posts have passed."""
        self._advance()
        passed = self._env.event()
        heapq.heappush(self._flows, (self._had + posts, next(self._numbers), passed))
        self._wake()
        return passed

    def _throttled(self) -> bool:
        return self._tokens <= NEARLY and len(self._flows) * self._pace > self._rate

    def _each(self) -> float:
        """Return the posts a second that each flow has now."""
        return self._rate * self._share / len(self._flows) if self._throttled() else self._pace

    def _advance(self) -> None:
        """Come to the present; since the last change all rates have been the same."""
        elapsed, self._at = self._env.now - self._at, self._env.now
        if not self._flows:
            self._had = 0.0
            self._tokens = min(self._burst, self._tokens + self._rate * elapsed)
            return
        each = self._each()
        self._had += each * elapsed
        if self._throttled():
            self.throttled_seconds += elapsed
            return
        change = (self._rate - each * len(self._flows)) * elapsed
        self._tokens = min(self._burst, max(0.0, self._tokens + change))

    def _wake(self) -> None:
        """See to it that the next change is noticed: a flow that ends, or the last token gone."""
        self._turn += 1
        if not self._flows:
            return
        each = self._each()
        next_change = max(0.0, self._flows[0][0] - self._had) / each
        spent = each * len(self._flows) - self._rate
        if not self._throttled() and spent > 0:
            next_change = min(next_change, self._tokens / spent)
        turn = self._turn
        timeout = self._env.timeout(next_change)
        timeout.callbacks.append(lambda _: self._on_change(turn))

    def _on_change(self, turn: int) -> None:
        if turn != self._turn:
            return
        self._advance()
        while self._flows and self._flows[0][0] - self._had <= NEARLY:
            heapq.heappop(self._flows)[2].succeed()
        self._wake()
