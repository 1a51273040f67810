"""Socket poster beyond the contract: reuse of sockets, retries, and its rate."""

from __future__ import annotations

import random
import socket
import threading
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest
from botocore.credentials import ReadOnlyCredentials

from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.core.model import ConnectionId
from chalicelib.core.ports.poster import Reason
from tests.contract.conftest import CREDENTIALS, soon
from tests.support import gateway_faults
from tests.support.management_server import Connections
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.adapters.apigateway.endpoint import Address, Endpoint
    from chalicelib.adapters.apigateway.socket_poster import SocketPoster
    from chalicelib.core.ports.poster import Post
    from tests.support.management_server import Exchange

ADA = ConnectionId("PJqB0fHsqRcCHlw=")
BOB = ConnectionId("PJq-_fHsqRcCHlw=")
CROWD = [ConnectionId(f"{number:015}=") for number in range(40)]


@pytest.fixture
def poster(connections: Connections, socket_poster: Callable[..., SocketPoster]) -> SocketPoster:
    """The poster under test."""
    return socket_poster(connections.endpoint)


def to_all(frame: bytes) -> Iterator[Post]:
    """A frame for everybody in the crowd."""
    return ((to, frame) for to in CROWD)


# Sockets


def test_sockets_are_kept(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """A second call needs no new socket."""
    poster = socket_poster(connections.endpoint, limits=PosterLimits(sockets=2))
    first = poster.post(to_all(b"1"), soon())
    second = poster.post([(ADA, b"2")], soon())
    assert first.sockets_opened == connections.sockets > 0
    assert second.sockets_opened == 0
    assert second.delivered == {ADA}


def test_no_more_sockets_than_allowed(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """The limit on sockets holds however much there is to post."""
    poster = socket_poster(connections.endpoint, limits=PosterLimits(sockets=3))
    assert poster.post(to_all(b"1"), soon()).delivered == set(CROWD)
    assert connections.sockets <= 3


def test_one_post_needs_one_socket(connections: Connections, poster: SocketPoster) -> None:
    """No socket is opened that has nothing to carry."""
    assert poster.post([(ADA, b"1"), (ADA, b"2")], soon()).sockets_opened == 1
    assert connections.sockets == 1


def test_closed_sockets_are_replaced(connections: Connections, poster: SocketPoster) -> None:
    """Sockets that the gateway closed between two calls cost nothing but new ones."""
    poster.post(to_all(b"1"), soon())
    wait_until(lambda: connections.hang_up() == 0)
    report = poster.post(to_all(b"2"), soon())
    assert report.delivered == set(CROWD)
    assert report.retries == 0
    assert connections.received == {to: [b"1", b"2"] for to in CROWD}


def test_posts_on_dead_sockets_are_sent_again(
    connections: Connections, poster: SocketPoster
) -> None:
    """A thawed container may find all its sockets dead as it uses them; nobody misses a frame."""
    poster.post(to_all(b"1"), soon())
    connections.doom()
    report = poster.post(to_all(b"2"), soon())
    assert report.delivered == set(CROWD)
    assert report.retries == report.possible_duplicates > 0
    assert report.posts == len(CROWD) + report.retries
    assert connections.received == {to: [b"1", b"2"] for to in CROWD}


def test_a_second_chance_is_the_last(connections: Connections, poster: SocketPoster) -> None:
    """A post that loses its fresh socket as well has failed."""
    poster.post([(ADA, b"1")], soon())
    connections.doom()
    connections.acts[ADA] = [gateway_faults.reset]
    report = poster.post([(ADA, b"2")], soon())
    assert report.failed == {ADA: Reason.REFUSED}
    assert report.posts == 2
    assert connections.received == {ADA: [b"1"]}


def test_sockets_are_not_trusted_after_a_minute(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """By the wall clock, which goes on while Lambda freezes a container."""
    now = 1_800_000_000.0
    poster = socket_poster(connections.endpoint, clock=lambda: now)
    poster.post([(ADA, b"1")], soon())
    now += 61
    assert poster.post([(ADA, b"2")], soon()).sockets_opened == 1
    now += 59
    assert poster.post([(ADA, b"3")], soon()).sockets_opened == 0


def test_sockets_are_closed_with_the_poster(connections: Connections, poster: SocketPoster) -> None:
    """Nothing is left open, which Python would complain of."""
    poster.post(to_all(b"1"), soon())
    poster.shut()
    wait_until(lambda: not connections.open)


@pytest.mark.parametrize("connections", ["http"], indirect=True)
def test_an_address_that_fails_is_passed_over(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """A name may have several addresses; one that works is enough, and is found once."""
    with Connections() as closed:
        dead = closed.port
    asked = []

    def resolve(endpoint: Endpoint) -> list[Address]:
        asked.append(endpoint.name)
        return [(socket.AF_INET, ("127.0.0.1", port)) for port in (dead, connections.port)]

    poster = socket_poster("http://rooms.test/api", resolve=resolve)
    for _ in range(4):
        assert poster.post([(ADA, b"1"), (BOB, b"1")], soon()).delivered == {ADA, BOB}
    assert asked == ["rooms.test"]
    assert connections.requests[0].headers["host"] == "rooms.test"


def test_ipv6_is_spoken(socket_poster: Callable[..., SocketPoster]) -> None:
    """An IPv6 address stands in brackets in the URL and the Host header."""
    with Connections(host="::1") as api:
        poster = socket_poster(api.endpoint)
        assert poster.post([(ADA, b"1")], soon()).delivered == {ADA}
        assert api.requests[0].headers["host"] == f"[::1]:{api.port}"
        poster.shut()


def test_a_handshake_takes_no_longer_than_allowed(
    socket_poster: Callable[..., SocketPoster],
) -> None:
    """A server that does not shake hands is out of reach."""
    with Connections() as plain:
        endpoint = plain.endpoint.replace("http:", "https:")
        poster = socket_poster(endpoint, limits=PosterLimits(connect_seconds=0.05))
        report = poster.post([(ADA, b"1")], soon())
        plain.hang_up()
    assert report.failed == {ADA: Reason.REFUSED}
    assert "in time" in report.complaints[Reason.REFUSED]


# Answers


@pytest.mark.parametrize("act", [gateway_faults.reset_midway, gateway_faults.switch])
def test_half_an_answer_is_none(
    connections: Connections, poster: SocketPoster, act: Callable[[Exchange], None]
) -> None:
    """Without a final status the post has failed, though on a reused socket, and is not resent."""
    connections.acts[ADA] = [gateway_faults.fine, act]
    report = poster.post([(ADA, b"1"), (ADA, b"2")], soon())
    assert report.failed == {ADA: Reason.REFUSED}
    assert report.posts == 2


def test_the_status_decides(connections: Connections, poster: SocketPoster) -> None:
    """A post that was answered 200 is delivered even if the answer's body never comes."""
    connections.acts[ADA] = [gateway_faults.cut_short]
    report = poster.post([(ADA, b"1"), (ADA, b"2")], soon())
    assert report.delivered == {ADA}
    assert connections.received == {ADA: [b"1", b"2"]}


def test_a_long_answer_is_read_to_its_end(connections: Connections, poster: SocketPoster) -> None:
    """An answer of several TLS records, and of any part of one, leaves its socket usable."""
    for size in (16_000, 16_384, 20_000, 100_000):
        connections.acts[ADA] = [gateway_faults.status(HTTPStatus.OK, bytes(size))]
        assert poster.post([(ADA, b"1")], soon()).delivered == {ADA}
    assert poster.post([(ADA, b"2")], soon()).sockets_opened == 0
    assert connections.sockets == 1


def test_an_answer_after_the_deadline_is_nobodys(
    connections: Connections, poster: SocketPoster
) -> None:
    """A late 410 is not taken for the answer to the next call's post."""
    release = threading.Event()

    def late(exchange: Exchange) -> None:
        release.wait()
        exchange.answer(HTTPStatus.GONE)

    connections.acts[ADA] = [late]
    assert poster.post([(ADA, b"1")], soon(0.2)).failed == {ADA: Reason.TIMED_OUT}
    release.set()
    assert poster.post([(BOB, b"1")], soon()).delivered == {BOB}


def test_an_answer_may_come_before_the_request_has_gone(
    socket_poster: Callable[..., SocketPoster],
) -> None:
    """A frame refused by its headers is not sent to its end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            sock, _ = listener.accept()
            with sock:
                while b"\r\n\r\n" not in sock.recv(65536, socket.MSG_PEEK):
                    pass
                sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
                done.wait()

        done = threading.Event()
        thread = threading.Thread(target=refuse)
        thread.start()
        poster = socket_poster(f"http://127.0.0.1:{listener.getsockname()[1]}")
        report = poster.post([(ADA, bytes(16_000_000))], soon())
        done.set()
        thread.join()
    assert report.failed == {ADA: Reason.REFUSED}
    assert report.complaints == {Reason.REFUSED: "413"}


# Drawing posts


def test_posts_are_drawn_as_they_are_sent(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """A million posts need not be in memory at a time."""
    poster = socket_poster(connections.endpoint, limits=PosterLimits(sockets=4))
    ahead = []

    def posts() -> Iterator[Post]:
        for number in range(500):
            ahead.append(number - len(connections.requests))
            yield ConnectionId(f"{number:015}="), b"1"

    assert len(poster.post(posts(), soon()).delivered) == 500
    assert max(ahead) < 50


def test_a_call_may_die_while_posts_are_drawn(
    connections: Connections, poster: SocketPoster
) -> None:
    """An error of the caller's iterator reaches the caller, and disturbs no next call."""
    connections.acts[ADA] = [gateway_faults.hang]

    def posts() -> Iterator[Post]:
        yield ADA, b"1"
        while not connections.requests:
            yield BOB, b"1"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        poster.post(posts(), soon())
    assert poster.post(to_all(b"2"), soon()).delivered == set(CROWD)


# Retries and pace


def test_a_server_error_is_tried_again(connections: Connections, poster: SocketPoster) -> None:
    """A frame that got 5xx is sent again, and counted as perhaps delivered twice."""
    connections.acts[ADA] = [
        gateway_faults.status(HTTPStatus.INTERNAL_SERVER_ERROR),
        gateway_faults.status(HTTPStatus.SERVICE_UNAVAILABLE),
    ]
    report = poster.post([(ADA, b"1"), (ADA, b"2")], soon())
    assert report.delivered == {ADA}
    assert connections.received == {ADA: [b"1", b"2"]}
    assert report.posts == 4
    assert report.retries == report.possible_duplicates == 2


def test_a_slow_consumer_is_given_up(connections: Connections, poster: SocketPoster) -> None:
    """A connection that alone is throttled does not read what it is sent."""
    connections.ill[ADA] = HTTPStatus.TOO_MANY_REQUESTS
    report = poster.post([(ADA, b"1"), *to_all(b"1")], soon())
    assert report.failed == {ADA: Reason.SLOW_CONSUMER}
    assert report.delivered == set(CROWD)
    assert report.possible_duplicates == 0


def test_throttling_is_waited_out(connections: Connections, poster: SocketPoster) -> None:
    """While the gateway throttles everybody, nobody is given up for it."""
    busy = gateway_faults.status(HTTPStatus.TOO_MANY_REQUESTS)
    crowd = CROWD[:8]
    for to in crowd:
        connections.acts[to] = [busy] * 4
    report = poster.post(((to, b"1") for to in crowd), soon(60))
    assert report.delivered == set(crowd)
    assert report.retries == 4 * len(crowd)
    assert report.possible_duplicates == 0


def test_the_deadline_ends_retries(connections: Connections, poster: SocketPoster) -> None:
    """A post that is still throttled at the deadline is reported as that."""
    for to in CROWD:
        connections.ill[to] = HTTPStatus.TOO_MANY_REQUESTS
    report = poster.post(to_all(b"1"), soon(0.4))
    assert report.failed.keys() == set(CROWD)
    assert Reason.THROTTLED in report.failed.values()
    assert set(report.failed.values()) <= {Reason.THROTTLED, Reason.TIMED_OUT}
    assert report.seconds < 1


def test_a_rate_is_kept(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """With a rate set, posts leave no faster, but for a few at the start."""
    poster = socket_poster(connections.endpoint, limits=PosterLimits(rate=200))
    report = poster.post(to_all(b"1"), soon())
    assert report.delivered == set(CROWD)
    assert report.seconds >= (len(CROWD) - 5) / 200


@pytest.mark.parametrize("rate", [50, 200, 500, 1_000, 5_000])
def test_a_rate_stalls_no_call(
    connections: Connections, socket_poster: Callable[..., SocketPoster], rate: int
) -> None:
    """A call with a rate set ends when all is delivered, and not at its deadline."""
    poster = socket_poster(connections.endpoint, limits=PosterLimits(rate=rate))
    for number in range(20):
        deadline = soon()
        crowd = CROWD[: 2 + number % 3]
        assert poster.post([(to, b"1") for to in crowd], deadline).delivered == set(crowd)
        assert time.monotonic() < deadline


# Signing


def test_credentials_are_asked_for_each_call(
    connections: Connections, socket_poster: Callable[..., SocketPoster]
) -> None:
    """A role's credentials rotate while a container lives."""
    wheel = iter([CREDENTIALS, ReadOnlyCredentials("AKIDROTATED", "another", None)])
    poster = socket_poster(connections.endpoint, credentials=lambda: next(wheel))
    for frame in (b"1", b"2"):
        poster.post([(ADA, frame)], soon())
    first, second = (request.headers for request in connections.requests)
    assert "Credential=AKIDEXAMPLE/" in first["authorization"]
    assert first["x-amz-security-token"] == CREDENTIALS.token
    assert "Credential=AKIDROTATED/" in second["authorization"]
    assert "x-amz-security-token" not in second


# All together


def test_nothing_is_lost_doubled_or_sent_astray(
    connections: Connections, poster: SocketPoster
) -> None:
    """Under any faults a connection reported as delivered has every frame, in order, and once.

    But for what is counted: a frame that was taken, though its answer was lost.
    """
    draw = random.Random(7)  # the same storm each time
    acts = [
        *[gateway_faults.fine] * 12,
        gateway_faults.chunked,
        gateway_faults.announced,
        gateway_faults.last_words,
        gateway_faults.drip,
        gateway_faults.twice,
        gateway_faults.cut_short,
        gateway_faults.reset,
        gateway_faults.reset_after,
        gateway_faults.status(HTTPStatus.INTERNAL_SERVER_ERROR),
        gateway_faults.status(HTTPStatus.TOO_MANY_REQUESTS),
    ]
    crowd = [ConnectionId(f"{number:015}=") for number in range(200)]
    for to in crowd:
        connections.acts[to] = draw.choices(acts, k=12)
    frames = {to: [f"{to} {number}".encode() for number in range(5)] for to in crowd}
    posts = [(to, frames[to][number]) for number in range(5) for to in crowd]
    report = poster.post(posts, soon(60))
    assert report.delivered | report.failed.keys() == set(crowd)
    doubles = 0
    for to in crowd:
        received = connections.received[to]
        once = list(dict.fromkeys(received))
        doubles += len(received) - len(once)
        assert once == frames[to][: len(once)]
        assert to in report.failed or len(once) == 5
    assert doubles <= report.possible_duplicates
    assert len(report.delivered) > len(crowd) / 2
