"""Contract of posters, against a real HTTP server that misbehaves on request."""

from __future__ import annotations

import datetime
import re
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.core.model import ConnectionId
from chalicelib.core.ports.poster import ClientIdentity, ConnectionInfo, Reason, Report
from tests.contract.conftest import soon
from tests.support import gateway_faults
from tests.support.management_server import Connections

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.ports.poster import ConnectionManager, Poster
    from tests.support.management_server import Exchange
    from tests.support.tls import Authority

ADA = ConnectionId("PJqB0fHsqRcCHlw=")
BOB = ConnectionId("PJq-_fHsqRcCHlw=")
THROTTLED = {Reason.THROTTLED, Reason.SLOW_CONSUMER}


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
    report = poster.post(((to, to.encode()) for to in crowd), soon())
    assert report.delivered == set(crowd)
    assert connections.received == {to: [to.encode()] for to in crowd}


def test_a_large_frame_arrives_whole(connections: Connections, poster: Poster) -> None:
    """A frame of 128 KB, the most that the gateway takes, is more than a socket takes at once."""
    frame = bytes(range(256)) * 512
    assert poster.post([(ADA, frame)], soon()).delivered == {ADA}
    assert connections.received == {ADA: [frame]}


def test_an_id_is_escaped_in_the_path(connections: Connections, poster: Poster) -> None:
    """An id of any characters reaches the server as one segment of the path."""
    strange = ConnectionId("a/b+c=%3D ü?#")
    poster.post([(strange, b"hi"), (ADA, b"hi")], soon())
    paths = {request.path.replace("%40", "@") for request in connections.requests}
    assert paths == {
        "/api/@connections/a%2Fb%2Bc%3D%253D%20%C3%BC%3F%23",
        "/api/@connections/PJqB0fHsqRcCHlw%3D",
    }


@pytest.mark.parametrize(
    ("status", "reasons"),
    [
        (HTTPStatus.BAD_REQUEST, {Reason.REFUSED}),
        (HTTPStatus.FORBIDDEN, {Reason.REFUSED}),
        (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {Reason.REFUSED}),
        (HTTPStatus.TOO_MANY_REQUESTS, THROTTLED),
        (HTTPStatus.INTERNAL_SERVER_ERROR, {Reason.SERVER_ERROR}),
        (HTTPStatus.BAD_GATEWAY, {Reason.SERVER_ERROR}),
    ],
)
def test_a_failure_has_its_reason_and_harms_nobody_else(
    connections: Connections, poster: Poster, status: HTTPStatus, reasons: set[Reason]
) -> None:
    """A failed connection is reported with the reason, and the others get their frame."""
    connections.ill[ADA] = status
    report = poster.post([(ADA, b"1"), (BOB, b"1"), (ADA, b"2")], soon())
    assert report.delivered == {BOB}
    assert report.failed.keys() == {ADA}
    reason = report.failed[ADA]
    assert reason in reasons
    assert report.complaints[reason]
    assert {request.body for request in connections.requests} == {b"1"}


def test_a_gone_connection_is_tried_once(connections: Connections, poster: Poster) -> None:
    """After a 410 the rest for that connection is not sent."""
    connections.ill[ADA] = HTTPStatus.GONE
    report = poster.post([(ADA, b"1"), (ADA, b"2"), (BOB, b"1")], soon())
    assert report.gone == {ADA}
    assert report.delivered == {BOB}
    assert report.posts == 2


def test_who_missed_a_frame_is_not_delivered(connections: Connections, poster: Poster) -> None:
    """A connection that took the first frame and failed at the second counts as failed."""
    connections.acts[ADA] = [gateway_faults.fine, gateway_faults.status(HTTPStatus.FORBIDDEN)]
    report = poster.post([(ADA, b"1"), (ADA, b"2"), (ADA, b"3")], soon())
    assert report.delivered == set()
    assert report.failed == {ADA: Reason.REFUSED}
    assert connections.received == {ADA: [b"1"]}


@pytest.mark.parametrize(
    "act",
    [
        gateway_faults.chunked,
        gateway_faults.announced,
        gateway_faults.last_words,
        gateway_faults.old_fashioned,
        gateway_faults.drip,
        gateway_faults.twice,
    ],
)
def test_an_unusual_answer_is_an_answer(
    connections: Connections, poster: Poster, act: Callable[[Exchange], None]
) -> None:
    """However HTTP allows to say 200, it is understood, and the next answer not mixed up with it.

    The frame of a server that answers twice is delivered too, and its second answer nobody's.
    """
    connections.acts[ADA] = [act]
    report = poster.post([(ADA, b"1"), (ADA, b"2")], soon())
    assert report.delivered == {ADA}
    assert connections.received == {ADA: [b"1", b"2"]}
    assert report.retries == 0


@pytest.mark.parametrize(
    "act",
    [
        gateway_faults.reset,
        gateway_faults.reset_after,
        gateway_faults.reset_midway,
        gateway_faults.garbage,
    ],
)
def test_a_lost_answer_is_reported(
    connections: Connections, poster: Poster, act: Callable[[Exchange], None]
) -> None:
    """Without an answer a post has failed, is not sent again, and harms no other."""
    connections.acts[ADA] = [act]
    crowd = [ConnectionId(f"{number:015}=") for number in range(20)]
    report = poster.post([(ADA, b"1"), *((to, b"1") for to in crowd)], soon())
    assert report.failed == {ADA: Reason.REFUSED}
    assert report.delivered == set(crowd)
    assert report.complaints[Reason.REFUSED]
    assert len(connections.received[ADA]) <= 1


@pytest.mark.parametrize("act", [gateway_faults.hang, gateway_faults.dribble])
def test_a_stuck_post_holds_up_nobody_else(
    connections: Connections, new_poster: Callable[..., Poster], act: Callable[[Exchange], None]
) -> None:
    """A connection that does not answer in time is given up; the others have their frame."""
    poster = new_poster(connections.endpoint, limits=PosterLimits(answer_seconds=0.3))
    connections.acts[ADA] = [act]
    report = poster.post([(ADA, b"1"), (BOB, b"1")], soon())
    assert report.failed == {ADA: Reason.TIMED_OUT}
    assert connections.received[BOB] == [b"1"]


def test_nothing_is_sent_after_the_deadline(connections: Connections, poster: Poster) -> None:
    """Posts that the deadline leaves over are reported as such."""
    report = poster.post([(ADA, b"1"), (BOB, b"1")], soon(-1))
    assert report.failed == {ADA: Reason.TIMED_OUT, BOB: Reason.TIMED_OUT}
    assert report.posts == 0
    assert not connections.received


@pytest.mark.timeout(30)
def test_no_posts_take_no_time(poster: Poster) -> None:
    """A report on no posts comes at once, and not at the deadline."""
    for _ in range(2):
        report = poster.post([], soon(3600))
        assert (report.posts, report.delivered, report.failed) == (0, set(), {})


def test_an_unreachable_gateway_is_reported(new_poster: Callable[..., Poster]) -> None:
    """Without any answer at all the report still comes, and nothing is raised."""
    with Connections() as closed:
        endpoint = closed.endpoint
    report = new_poster(endpoint).post([(ADA, b"1"), (BOB, b"1")], soon())
    assert report.failed == {ADA: Reason.REFUSED, BOB: Reason.REFUSED}
    assert "connect" in report.complaints[Reason.REFUSED]


def test_a_name_without_address_is_reported(new_poster: Callable[..., Poster]) -> None:
    """So it is when the DNS knows nothing of the gateway."""
    report = new_poster("http://nowhere.invalid/api").post([(ADA, b"1")], soon())
    assert report.failed == {ADA: Reason.REFUSED}
    assert "nowhere.invalid" in report.complaints[Reason.REFUSED]


def test_a_certificate_for_another_name_is_refused(
    authority: Authority, new_poster: Callable[..., Poster]
) -> None:
    """Nothing is sent to a server that can't prove to be the one that was meant."""
    with Connections(authority.server("localhost")) as impostor:
        report = new_poster(impostor.endpoint).post([(ADA, b"1")], soon())
    assert report.failed == {ADA: Reason.REFUSED}
    assert re.search("match|not valid for", report.complaints[Reason.REFUSED])
    assert not impostor.requests


def test_a_connection_can_be_closed(connections: Connections, poster: ConnectionManager) -> None:
    """Closing asks the gateway to, and says when there was nothing to close."""
    connections.ill[BOB] = HTTPStatus.GONE
    assert poster.close(ADA, soon()) is None
    assert poster.close(BOB, soon()) is Reason.GONE
    assert poster.close(ADA, soon(-1)) is Reason.TIMED_OUT
    assert [request.method for request in connections.requests] == ["DELETE", "DELETE"]


def test_a_connection_can_be_asked_about(
    connections: Connections, poster: ConnectionManager
) -> None:
    """The gateway's answer is taken apart, and a connection that is gone has none."""
    connections.info = b"""{
  "connectedAt" : "2026-11-24T03:06:09.123Z",
  "identity" : {
    "sourceIp" : "203.0.113.9",
    "userAgent" : "tea/1.0"
  },
  "lastActiveAt" : "2026-11-24T03:07:00.000Z"
}"""
    connections.ill[BOB] = HTTPStatus.GONE
    utc = datetime.UTC
    assert poster.info(ADA, soon()) == ConnectionInfo(
        connected_at=datetime.datetime(2026, 11, 24, 3, 6, 9, 123000, utc),
        last_active_at=datetime.datetime(2026, 11, 24, 3, 7, tzinfo=utc),
        identity=ClientIdentity(source_ip="203.0.113.9", user_agent="tea/1.0"),
    )
    assert poster.info(BOB, soon()) is Reason.GONE
    assert poster.info(ADA, soon(-1)) is Reason.TIMED_OUT


def test_several_threads_may_post_at_once(connections: Connections, poster: Poster) -> None:
    """Calls that overlap do not get into each other's way."""
    crowds = [[ConnectionId(f"{crowd}-{n:013}=") for n in range(100)] for crowd in range(4)]
    reports = [Report() for _ in crowds]

    def call(number: int) -> None:
        reports[number] = poster.post(((to, to.encode()) for to in crowds[number]), soon())

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(crowds))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.failed for report in reports] == [{}] * len(crowds)
    assert [report.delivered for report in reports] == [set(crowd) for crowd in crowds]
    assert connections.received == {to: [to.encode()] for crowd in crowds for to in crowd}
