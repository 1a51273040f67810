"""The rate follows what the gateway takes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.apigateway.rate_controller import (
    SLOWEST,
    UNLIMITED,
    RateController,
    full_jitter,
)
from chalicelib.core.model import ConnectionId


class Gateway:
    """A gateway that takes so many posts a second, and answers 429 to the rest."""

    def __init__(self, pace: RateController, quota: float) -> None:
        self.pace = pace
        self.quota = quota
        self.now = 0.0
        self.accepted = 0
        self.refused = 0

    def run(self, seconds: float, offered: float = 20_000) -> None:
        """Post as fast as the pace allows, and a core can."""
        step = 0.01
        for _ in range(round(seconds / step)):
            self.now += step
            self.pace.adjust(self.now, self.accepted)
            sent = 0
            while sent < offered * step and self.pace.due <= self.now:
                self.pace.take(self.now)
                sent += 1
            taken = min(sent, round(self.quota * step))
            self.accepted += taken
            self.refused += sent - taken
            for number in range(self.refused - (sent - taken), self.refused):
                self.pace.throttled(ConnectionId(str(number)))


def test_there_is_no_limit_before_the_gateway_throttles() -> None:
    """A pace without a cap lets everything pass."""
    pace = RateController(None, 0)
    for _ in range(100_000):
        assert pace.due <= 0
        pace.take(0)


@settings(deadline=None, max_examples=20)
@given(st.floats(1, 10_000))
def test_the_cap_is_kept(cap: float) -> None:
    """Over a second no more leave than the cap, but for what may leave at once."""
    gateway = Gateway(RateController(cap, 0), 1e9)
    gateway.run(1)
    assert gateway.accepted <= cap * 1.02 + 2


@pytest.mark.parametrize("quota", [300, 1_000, 8_000])
def test_the_rate_settles_at_the_quota(quota: float) -> None:
    """Most of the quota is used, and few posts are refused."""
    gateway = Gateway(RateController(None, 0), quota)
    gateway.run(2)
    gateway.accepted = gateway.refused = 0
    gateway.run(20)
    assert gateway.accepted >= 0.7 * 20 * quota
    assert gateway.refused <= 0.15 * gateway.accepted


def test_the_rate_recovers() -> None:
    """The limit goes as soon as the gateway stops throttling."""
    gateway = Gateway(RateController(None, 0), 500)
    gateway.run(2)
    assert gateway.pace.rate < 1_000
    gateway.quota = 1e9
    gateway.run(UNLIMITED / 500 + 1, offered=100)
    assert gateway.pace.rate == math.inf


def test_no_burst_follows_the_first_throttling() -> None:
    """A pause before it has saved up nothing: the first posts are spaced as the rate says."""
    pace = RateController(None, 0)
    for number in range(5):
        pace.throttled(ConnectionId(str(number)))
    pace.adjust(0.2, 40)
    pace.take(0.2)
    assert pace.due == pytest.approx(0.2 + 1 / pace.rate)


@pytest.mark.parametrize("cap", [80.0, 5_000.0, 50_000.0])
def test_a_rate_that_recovers_ends_at_the_cap(cap: float) -> None:
    """It grows after throttling, never exceeds the cap, and comes back to it exactly."""
    gateway = Gateway(RateController(cap, 0), 0)
    gateway.run(2)
    assert gateway.pace.rate < cap
    gateway.quota = 1e9
    for _ in range(round(min(cap, UNLIMITED) / 500 / 0.1) + 20):
        gateway.run(0.1, offered=100)
        assert gateway.pace.rate <= cap
    assert gateway.pace.rate == cap


def test_the_rate_grows_steadily() -> None:
    """By 500 posts a second each second, which is 5 % of an account's default quota."""
    gateway = Gateway(RateController(None, 0), 500)
    gateway.run(2)
    gateway.quota = 1e9
    gateway.run(0.5, offered=100)
    before = gateway.pace.rate
    gateway.run(4, offered=100)
    assert gateway.pace.rate == pytest.approx(before + 4 * 500, rel=0.05)


def test_the_rate_never_dries_up() -> None:
    """Even if everything is refused some posts leave, or it would never be noticed that it ends."""
    gateway = Gateway(RateController(None, 0), 0)
    gateway.run(3)
    assert gateway.pace.rate >= SLOWEST


def test_a_few_slow_consumers_do_not_slow_the_rest() -> None:
    """A 429 from one connection in a hundred says nothing of the gateway."""
    pace = RateController(None, 0)
    accepted = 0
    for tenth in range(1, 20):
        accepted += 500
        for number in range(5):
            pace.throttled(ConnectionId(str(number)))
        assert not pace.is_throttled(tenth / 10, accepted)
        pace.adjust(tenth / 10, accepted)
    assert pace.rate == math.inf


def test_throttling_is_remembered_for_a_moment() -> None:
    """A gateway that throttled everywhere a second ago may do so still."""
    pace = RateController(None, 0)
    for number in range(5):
        pace.throttled(ConnectionId(str(number)))
    assert pace.is_throttled(0.01, 0)
    pace.adjust(0.2, 0)
    assert pace.is_throttled(0.9, 1_000)
    assert not pace.is_throttled(1.3, 1_000)


@given(st.integers(1, 2_000), st.floats(0, 1, exclude_max=True))
def test_jitter_is_full(tries: int, drawn: float) -> None:
    """Retries spread over all of the backoff, which doubles up to its longest."""
    wait = full_jitter(tries, 0.1, 2.0, lambda: drawn)
    assert wait == drawn * min(2.0, 0.1 * 2.0 ** min(tries - 1, 10))
