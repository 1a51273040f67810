"""Frames that nobody would send by mistake."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import protocol
from chalicelib.core.identity import matches
from chalicelib.core.jobs import MessageJob
from chalicelib.core.model import ConnectionId
from tests.fuzz.server import (
    SETTINGS,
    MemoryServer,
    Server,
    TableServer,
    few,
    fuzz,
    serving,
    token,
)
from tests.fuzz.strategies.frames import Sent, sent
from tests.fuzz.tried import tried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.jobs import Job
    from chalicelib.core.model import RoomId

ACTIONS = {str(request.__struct_config__.tag) for request in get_args(protocol.Request)}

MODERATOR, MEMBER, GUEST, PLAIN, NOBODY = "moderator=", "member=", "guest=", "plain=", "nobody="

PEOPLE = (MODERATOR, MEMBER, GUEST, PLAIN, NOBODY)


def people(server: Server) -> None:
    """Let everybody in; moderator and member are in the room `tea`, where one has spoken."""
    tokens = {
        MODERATOR: token("moderator", join=["*"], moderate=["tea"]),
        MEMBER: token("member"),
        GUEST: token("guest", join=["lobby"], publish=[]),
    }
    for who, shown in tokens.items():
        offer = f"{protocol.SUBPROTOCOL}, {shown}"
        assert server.connect(who, {"Sec-WebSocket-Protocol": offer}) == 200
    assert server.connect(PLAIN, {"Sec-WebSocket-Protocol": token("plain")}) == 200
    for who in (MODERATOR, MEMBER):
        server.frame(who, '{"action":"join","room":"tea"}')
    server.frame(MEMBER, '{"action":"message","room":"tea","message":"hello","id":"1"}')
    server.work()


def is_a_request(body: str) -> bool:
    """Whether a text is an object with a known action, as another reader of JSON sees it."""
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(frame, dict) and frame.get("action") in ACTIONS


def rooms_of(server: Server, who: str) -> list[RoomId]:
    """The room that somebody is in."""
    connection = server.graph.store.connection(ConnectionId(who))
    assert connection
    # Nothing is new: what comes back is where it has a place.
    return server.graph.store.renew(connection)


def require_voice(server: Server, job: Job) -> None:
    """A message in a room comes from a member of it who may speak."""
    if isinstance(job, MessageJob) and job.message.type == "chat":
        assert job.message.sender
        connection = server.graph.store.connection(job.message.sender)
        assert connection
        assert job.room in connection.rooms
        assert connection.rights.may_publish(job.room)


def attack(server: Server, session: Sequence[Sent]) -> None:
    """Send frames; one that is refused has changed nothing, and told nobody but its sender."""
    before = server.state()
    for one in session:
        tried["frames"] += 1
        answers = server.frame(one.sender, one.body)
        refusals = [answer for answer in answers if answer["type"] == "error"]
        if refusals:
            assert answers == refusals[:1]
            told = before["told"]
            before["told"] = told | {one.sender: told.get(one.sender, 0) + 1}
            assert server.state() == before
        else:
            assert is_a_request(one.body)
            assert one.sender != NOBODY
            for job in server.graph.job_queue.jobs[len(before["jobs"]) :]:
                require_voice(server, job)
            before = server.state()
    for who, pattern in ((GUEST, "lobby"), (PLAIN, "lobby"), (MEMBER, "*")):
        for room in rooms_of(server, who):
            assert matches((pattern,), room)
            assert not matches(SETTINGS.access.private, room)
    server.work()
    assert server.graph.job_queue.buried == []
    assert set(server.graph.gateway.closed) <= {NOBODY}
    for who in server.graph.gateway.received:
        server.told(who)


@fuzz
@given(st.lists(sent(PEOPLE), min_size=10, max_size=40))
def test_no_frame_breaks_anything(session: Sequence[Sent]) -> None:
    """Each is answered as it may be; none raises, changes a room unasked, or gets into the log."""
    with serving(MemoryServer(SETTINGS)) as server:
        people(server)
        attack(server, session)
        server.kept()


@few
@given(session=st.lists(sent(PEOPLE), min_size=5, max_size=10))
def test_no_frame_breaks_anything_in_a_table(
    dynamodb: DynamoDBClient, session: Sequence[Sent]
) -> None:
    """The same, by the real adapter: nothing is asked of DynamoDB that it would refuse."""
    with serving(TableServer(SETTINGS, dynamodb)) as server:
        people(server)
        attack(server, session)
