"""The engine posts whenever it may, and waits whenever it may not: tried over simulated time."""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from itertools import combinations, count
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.apigateway.connection_pool import HANDSHAKES
from chalicelib.adapters.apigateway.engine import SILENCE, SWEEP
from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.adapters.apigateway.rate_controller import BURST
from chalicelib.core.model import ConnectionId
from tests.support.virtual_network import Network, answer

if TYPE_CHECKING:
    from chalicelib.core.ports.poster import Post
    from tests.support.virtual_network import Request

ROUNDING: Final = 1e-6
"""Seconds by which sums of floating point numbers may differ."""

RATES: Final = st.floats(20, 20_000)
SERVICE: Final = st.floats(0, 0.05)
COSTS: Final = st.lists(st.floats(0, 50e-6) | st.floats(0, 0.005), min_size=1, max_size=7)
STATUSES: Final = [
    *[HTTPStatus.OK] * 3,
    *[HTTPStatus.TOO_MANY_REQUESTS] * 3,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.FORBIDDEN,
    None,
]
RESOLUTIONS: Final = st.sampled_from([1e-3, 1e-6])


def crowd(size: int) -> list[Post]:
    """A post to each of so many connections."""
    return [(ConnectionId(f"{number:015}="), b"1") for number in range(size)]


class Watch:
    """Sees that the engine never waits while it may post, by a reckoning of its own."""

    def __init__(self, network: Network, limits: PosterLimits) -> None:
        self._network = network
        self._limits = limits
        self._counted = 0
        self._token_at = network.now
        self._total = 0
        network.before_waiting = self.check

    def expect(self, posts: int) -> None:
        """Look out for so many more posts."""
        self._total = len(self._network.requests) + posts

    def check(self, began: float, ends: float) -> None:
        """Look at a wait before it."""
        network = self._network
        for request in network.requests[self._counted :]:
            self._count(request.at)
        self._counted = len(network.requests)
        unsent = self._total - self._counted
        may_open = min(
            HANDSHAKES - len(network.opening), self._limits.sockets - len(network.sockets)
        )
        if network.idle:
            may = max(began, self._token_at)
        elif may_open > 0 and not network.opening:
            may = max(began + SILENCE, self._token_at)
        else:
            return
        if unsent:
            assert ends <= may + network.resolution + ROUNDING, "idle although it may post"

    def _count(self, at: float) -> None:
        if self._limits.rate:
            interval = 1 / self._limits.rate
            burst = max(0.0, BURST - interval)
            self._token_at = max(self._token_at, at - burst) + interval


@settings(deadline=None, max_examples=300)
@given(
    rate=RATES | st.none(),
    service=st.lists(SERVICE, min_size=1, max_size=4),
    connecting=st.floats(0, 0.01),
    sockets=st.integers(1, 80),
    calls=st.lists(st.integers(0, 100), min_size=1, max_size=3),
    costs=COSTS,
    resolution=RESOLUTIONS,
)
def test_the_engine_is_never_idle_while_it_may_post(
    rate: float | None,
    service: list[float],
    connecting: float,
    sockets: int,
    calls: list[int],
    costs: list[float],
    resolution: float,
) -> None:
    """Whatever the rate and the gateway's speed, it waits for a token, a socket or an answer only.

    Nor does it look again and again when there is nothing to do.
    """
    network = Network(
        costs,
        resolution,
        connecting=lambda _: connecting,
        service=lambda _: (service[len(network.requests) % len(service)], answer()),
    )
    limits = PosterLimits(rate=rate, sockets=sockets)
    engine = network.engine(limits)
    watch = Watch(network, limits)
    for size in calls:
        began, looks = network.now, network.looks
        watch.expect(size)
        report = network.post(engine, crowd(size))
        assert len(report.delivered) == size
        events = size + report.sockets_opened + (network.now - began) / SWEEP
        assert network.looks - looks <= 10 + 4 * events


@settings(deadline=None, max_examples=200)
@given(
    rate=RATES | st.none(),
    service=SERVICE,
    sockets=st.integers(1, 40),
    statuses=st.lists(st.sampled_from(STATUSES), min_size=1, max_size=50),
    costs=COSTS,
    resolution=RESOLUTIONS,
)
def test_no_answer_makes_the_engine_stall_or_spin(
    rate: float | None,
    service: float,
    sockets: int,
    statuses: list[HTTPStatus | None],
    costs: list[float],
    resolution: float,
) -> None:
    """Refused, throttled and broken posts are retried or given up, and neither wastes the time."""
    network = Network(costs, resolution)
    left = deque(statuses)

    def serve(_: Request) -> tuple[float, bytes]:
        status = left.popleft() if left else HTTPStatus.OK
        return service, answer(status) if status else b""

    network.service = serve
    engine = network.engine(PosterLimits(rate=rate, sockets=sockets))
    for _ in range(2):
        began, looks, requests = network.now, network.looks, len(network.requests)
        report = network.post(engine, crowd(30))
        assert len(report.delivered) + len(report.failed) == 30
        assert report.posts == len(network.requests) - requests
        events = 2 * report.posts + report.sockets_opened + (network.now - began) / SWEEP
        assert network.looks - looks <= 10 + 4 * events


def test_a_retry_that_is_due_waits_for_a_socket_without_spinning() -> None:
    """While the only socket is busy, a post whose backoff is over is waited for, not polled."""
    network = Network(costs=[1e-5])
    network.service = lambda request: (
        (0.0, answer(HTTPStatus.SERVICE_UNAVAILABLE))
        if request.connection_id == "first" and len(network.requests) == 1
        else (2.0, answer())
    )
    engine = network.engine(PosterLimits(sockets=1))
    posts = [(ConnectionId(to), b"1") for to in ("first", "second")]
    assert len(network.post(engine, posts).delivered) == 2
    assert network.looks <= 20 + 2 * 4.0 / SWEEP


def test_an_empty_iterator_needs_no_token() -> None:
    """That nothing is left to post is found out at once, and not when a post might leave."""
    network = Network()
    engine = network.engine(PosterLimits(rate=0.1))
    began = network.now
    network.post(engine, crowd(1))
    network.post(engine, [])
    assert network.now - began < 1 / 0.1


@pytest.mark.parametrize("rate", [20.0, 40.0, 300.0, 5_000.0])
def test_no_more_leave_than_the_rate_allows(rate: float) -> None:
    """In any stretch of time, but for the burst that a pause saves up."""
    network = Network(costs=[1e-5])
    engine = network.engine(PosterLimits(rate=rate))
    for _ in range(3):
        network.post(engine, crowd(200))
        network.now += 1.0
    times = [request.at for request in network.requests]
    burst = max(1.0, rate * BURST)
    for first, last in combinations(range(len(times)), 2):
        # Posts of one turn leave some looks at the clock after their time.
        assert last - first + 1 <= burst + rate * (times[last] - times[first] + 1e-4)


# Opening sockets


def test_handshakes_are_limited_and_go_on() -> None:
    """So many sockets open at a time, and as many again when those are open."""
    network = Network(
        connecting=lambda number: 0.002 * (1 + number % HANDSHAKES),
        service=lambda _: (1.0, answer()),
    )
    most = 0

    def look(*_: float) -> None:
        nonlocal most
        most = max(most, len(network.opening))

    network.before_waiting = look
    report = network.post(network.engine(PosterLimits(sockets=100)), crowd(100))
    assert most == HANDSHAKES
    assert report.sockets_opened == 100
    # All were sent before the first was answered.
    assert network.requests[-1].at < network.requests[0].at + 1.0


def test_handshakes_that_failed_make_room_for_others() -> None:
    """Sockets that are refused, or do not open in time, do not count as opening for good."""
    network = Network(service=lambda _: (0.5, answer()))
    begun = count()
    network.connecting = lambda _: [None, 99.0][number % 2] if (number := next(begun)) < 64 else 0.0
    report = network.post(network.engine(PosterLimits(sockets=100)), crowd(100))
    assert len(report.delivered) == 100
    assert report.sockets_opened >= 64 + 32
    assert network.requests[31].at < network.requests[0].at + 0.5


# Requests in pieces


@given(st.integers(1, 400), st.binary(max_size=500))
@settings(deadline=None)
def test_a_request_may_leave_in_pieces(piece: int, body: bytes) -> None:
    """However little a socket takes at a time, a request arrives byte for byte, and only once."""
    network = Network(piece=piece)
    posts = [(ConnectionId(to), body + number) for number in (b"1", b"2") for to in ("ada", "bob")]
    report = network.post(network.engine(PosterLimits(sockets=1)), posts)
    assert report.delivered == {"ada", "bob"}
    assert report.sockets_opened == 1
    for to in ("ada", "bob"):
        bodies = [one.body for one in network.requests if one.connection_id == to]
        assert bodies == [body + b"1", body + b"2"]
