"""What every poster must do, against a real HTTP server that misbehaves on request."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING

import boto3
import pytest

from chalicelib.model import ConnectionId
from chalicelib.posting import Reason
from chalicelib.posting.boto3_poster import CLIENT_CONFIG, Boto3Poster
from tests.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.posting import Poster

ADA = ConnectionId("PJqB0fHsqRcCHlw=")
BOB = ConnectionId("PJq-_fHsqRcCHlw=")


@pytest.fixture
def connections() -> Iterator[Connections]:
    """The API to post to."""
    with Connections() as api:
        yield api


@pytest.fixture
def poster(connections: Connections) -> Iterator[Poster]:
    """The poster under test."""
    client = boto3.client(
        "apigatewaymanagementapi", endpoint_url=connections.endpoint, config=CLIENT_CONFIG
    )
    yield Boto3Poster(client)
    client.close()


def soon(seconds: float = 20) -> float:
    """A deadline."""
    return time.monotonic() + seconds


def test_frames_arrive_at_their_connection_in_order(
    connections: Connections, poster: Poster
) -> None:
    """Each connection gets its own frames, in the order given, byte for byte."""
    frames = [f"frame {number} é".encode() for number in range(20)]
    posts = [(to, frame) for frame in frames for to in (ADA, BOB)]
    report = poster.post(posts, soon())
    assert connections.received == {ADA: frames, BOB: frames}
    assert report.delivered == {ADA, BOB}
    assert report.posts == 40


def test_many_connections_are_all_reached(connections: Connections, poster: Poster) -> None:
    """More connections than the poster has sockets are no problem."""
    crowd = [ConnectionId(f"{number:015}=") for number in range(300)]
    report = poster.post(((to, b"hi") for to in crowd), soon())
    assert report.delivered == set(crowd)
    assert set(connections.received) == set(crowd)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (HTTPStatus.TOO_MANY_REQUESTS, Reason.THROTTLED),
        (HTTPStatus.FORBIDDEN, Reason.REFUSED),
        (HTTPStatus.INTERNAL_SERVER_ERROR, Reason.SERVER_ERROR),
        (HTTPStatus.BAD_GATEWAY, Reason.SERVER_ERROR),
    ],
)
def test_a_failure_has_its_reason_and_harms_nobody_else(
    connections: Connections, poster: Poster, status: HTTPStatus, reason: Reason
) -> None:
    """A failed connection is reported with the reason, and the others get their frame."""
    connections.ill[ADA] = status
    report = poster.post([(ADA, b"1"), (BOB, b"1")], soon())
    assert report.failed == {ADA: reason}
    assert report.delivered == {BOB}


def test_a_gone_connection_is_tried_once(connections: Connections, poster: Poster) -> None:
    """After a 410 the rest for that connection is not sent."""
    connections.ill[ADA] = HTTPStatus.GONE
    report = poster.post([(ADA, b"1"), (ADA, b"2"), (BOB, b"1")], soon())
    assert report.gone == {ADA}
    assert report.delivered == {BOB}
    assert report.posts == 2


def test_a_stuck_post_holds_up_nobody_else(connections: Connections, poster: Poster) -> None:
    """A connection that never answers is given up, and the others have their frame meanwhile."""
    connections.stuck.add(ADA)
    report = poster.post([(ADA, b"1"), (BOB, b"1")], soon())
    assert report.failed == {ADA: Reason.TIMED_OUT}
    assert connections.received[BOB] == [b"1"]


def test_nothing_is_sent_after_the_deadline(connections: Connections, poster: Poster) -> None:
    """What the deadline leaves over is reported as such."""
    report = poster.post([(ADA, b"1")], soon(-1))
    assert report.failed == {ADA: Reason.TIMED_OUT}
    assert report.posts == 0
    assert not connections.received


def test_an_unreachable_gateway_is_reported(connections: Connections, poster: Poster) -> None:
    """Without any answer at all the report still comes, and nothing is raised."""
    connections.__exit__(None, None, None)
    assert poster.post([(ADA, b"1")], soon()).failed == {ADA: Reason.REFUSED}
