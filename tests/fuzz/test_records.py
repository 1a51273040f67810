"""Records that the queue should not hold: of older versions, damaged, or by another hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.jobs import (
    EndJob,
    FanoutJob,
    MessageJob,
    PresenceJob,
    RetryJob,
    SignalJob,
    encode,
)
from chalicelib.core.model import (
    ApiStage,
    ConnectionId,
    Epoch,
    Member,
    MembershipVersion,
    Message,
    Protocol,
    RoomId,
    SequencedMessage,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.protocol import SUBPROTOCOL
from chalicelib.core.room_update import Presence, RoomUpdate, SignalSent
from tests.fuzz.server import ANONYMOUS, MemoryServer, fuzz, serving
from tests.fuzz.strategies.values import broken, garbage, written
from tests.fuzz.tried import tried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.core.jobs import Job

TEA = RoomId("tea")
API = ApiStage("a1b2c3d4e5", "api")
ADA = User(UserId("ada"), "Ada")
READER = ConnectionId("reader=")
SENDER = ConnectionId("ada=")
MEMBER = Member(READER, ADA, Protocol.V1, API, 1_795_543_900_000)


def message(message_id: str, text: str = "hello") -> Message:
    """Something that Ada has said."""
    return Message(message_id, TEA, "chat", text, ADA, SENDER, 1_795_543_903_000, api_stage=API)


NUMBERED = SequencedMessage(1, Epoch("epoch-1"), message("1"))
BULLETIN = RoomUpdate(
    (NUMBERED,), (SignalSent("1", ADA, SENDER, 1_795_543_906_000),), Presence((ADA,), (ADA,), 2)
)
JOBS: tuple[Job, ...] = (
    MessageJob(TEA, "a", message("2")),
    SignalJob(TEA, "b", SignalSent("[1]", ADA, SENDER, 1_795_543_906_000)),
    PresenceJob(TEA, "c", (ADA,), (ADA,)),
    FanoutJob(TEA, "d", BULLETIN, SlotRange(), MembershipVersion(Epoch("epoch-1"), 1, 1, 1)),
    RetryJob(TEA, "e", (NUMBERED,), (MEMBER,), 2),
    EndJob(TEA, "f", (replace(MEMBER, id=SENDER),), 0, closes=False),
    EndJob(TEA, "g", (MEMBER,), 1, closes=True),
)
jobs = st.sampled_from([json.loads(encode(job)) for job in JOBS])
records = st.one_of(written(broken(jobs)), written(jobs), garbage)


@st.composite
def batches(draw: Any) -> list[str]:
    """Records for one invocation, one of which is as it should be."""
    bodies = draw(st.lists(records, min_size=1, max_size=9))
    place = draw(st.integers(0, len(bodies)))
    return [*bodies[:place], encode(JOBS[0]), *bodies[place:]]


@pytest.mark.parametrize("body", ["[" * 100_000, "\ud800"])
def test_a_record_that_no_parser_bears_is_buried(body: str) -> None:
    """Nesting without an end and half a character are no jobs, and no exceptions."""
    with serving(MemoryServer(ANONYMOUS)) as server:
        server.broadcast(body)
        [(record, _)] = server.graph.job_queue.buried
    assert record.body == body


@fuzz
@given(st.lists(batches(), min_size=2, max_size=6))
def test_no_record_stops_a_batch(deliveries: Sequence[list[str]]) -> None:
    """A record that is no job is a dead letter; jobs are carried out, its neighbours too."""
    with serving(MemoryServer(ANONYMOUS)) as server:
        assert server.connect(READER, {"Sec-WebSocket-Protocol": SUBPROTOCOL}) == 200
        server.frame(READER, '{"action":"join","room":"tea"}')
        server.work()
        for bodies in deliveries:
            tried["records"] += len(bodies)
            server.broadcast(*bodies)
        told = server.graph.gateway.received[READER]
        assert any(b'"id":"2"' in text for text in told)
        for room in server.store.rooms.values():
            numbers = sorted(room.messages)
            assert numbers == list(range(1, len(numbers) + 1))
        server.kept()
