"""Every job fits into the queue: sizes and characters, by hypothesis."""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.core.jobs import JOB_LIMIT, FanoutJob, MessageJob, RetryJob, cut, decode, encode
from chalicelib.core.limits import NAME_LIMIT
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
from chalicelib.core.protocol import MESSAGE_LIMIT, ROOM_NAME_LIMIT
from chalicelib.core.room_update import Presence, RoomUpdate, SignalSent, gather
from tests.support.builders import gateway_id
from tests.support.strict_sqs import StrictSqs

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from chalicelib.core.jobs import Job

ORIGIN = ApiStage("a1b2c3d4e5", "api")
ROOM = RoomId("漢" * ROOM_NAME_LIMIT)
EPOCH = Epoch("0123456789abcdef0123456789abcdef")
CENSUS = MembershipVersion(EPOCH, 1, 2_000, 500, level=1)
CONNECTION = ConnectionId("PJqB0fHsqRcCHlw=")

patterns = st.one_of(
    st.sampled_from(
        ["x", "Ж", "漢", "😀", "\x00", "\x1f", "\x7f", "\x85", "\ufffe", "\uffff", '"\\']
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
)
texts = st.builds(
    lambda pattern, size: (pattern * size).encode()[:size].decode(errors="ignore"),
    patterns,
    st.one_of(st.just(MESSAGE_LIMIT), st.integers(0, MESSAGE_LIMIT)),
)
users = st.builds(
    lambda pattern: User(UserId("u" * 64), (pattern * NAME_LIMIT)[:NAME_LIMIT]), patterns
)


def numbered(seq: int, text: str, user: User) -> SequencedMessage:
    """A message under its number."""
    message = Message(
        "i" * 64, ROOM, "chat", text, user, CONNECTION, 1_795_543_906_000, None, ORIGIN
    )
    return SequencedMessage(seq, EPOCH, message)


def queued(*jobs: Job) -> list[Job]:
    """Queue jobs as far as SQS takes them, and read them back."""
    sqs = StrictSqs()
    SqsJobQueue(cast("SQSClient", sqs), lambda: "jobs", lambda: "dead").publish_all(jobs)
    return [decode(body) for body in sqs.bodies]


@given(texts, users)
def test_a_message_of_any_text_is_one_job(text: str, user: User) -> None:
    """Any text within the limits fits, and arrives as it was sent."""
    message = numbered(1, text, user).message
    job = MessageJob(ROOM, message.key, message)
    assert list(cut(job)) == queued(job) == [job]
    retry = RetryJob(ROOM, "id", (numbered(1, text, user),), (), 1)
    assert list(cut(retry)) == [retry]


@settings(deadline=None, max_examples=40)
@given(
    jobs=st.integers(1, 10),
    each=st.integers(1, 10),
    said=st.lists(texts, min_size=1, max_size=4),
    user=users,
    presence=st.one_of(st.none(), st.integers(0, 200)),
)
@example(2, 10, ["\x7f" * MESSAGE_LIMIT], User(UserId("u"), "Ada"), None)
@example(4, 10, ["Ж" * (MESSAGE_LIMIT // 2)], User(UserId("u"), "Ada"), 0)
@example(10, 10, ["x" * MESSAGE_LIMIT], User(UserId("u"), "Ada"), 200)
@example(10, 10, ["\x00" * MESSAGE_LIMIT], User(UserId("u"), "Ada"), 200)
def test_what_is_gathered_is_queued_whole(
    jobs: int, each: int, said: list[str], user: User, presence: int | None
) -> None:
    """The parts arrive, within the limits, and put together they tell what the whole tells."""
    messages = [
        numbered(seq, text, user) for seq, text in enumerate(islice(cycle(said), jobs * each))
    ]
    signals = tuple(SignalSent('"\\u0000"', user, CONNECTION, 0) for _ in range(jobs))
    news = None if presence is None else Presence((user,) * presence, (user,), 2_000)
    gathered = gather([RoomUpdate(tuple(messages), signals, news)])
    whole = FanoutJob(ROOM, "f" * 64, gathered, SlotRange(), CENSUS)
    parts = list(cut(whole))
    assert queued(*parts) == parts
    assert gather(part.update for part in parts if isinstance(part, FanoutJob)) == gathered
    assert {part.group for part in parts} == {whole.group}
    assert [bool(told(part).presence) for part in parts].count(True) == (news is not None)
    assert len({part.id for part in parts}) == len(parts)
    assert list(cut(whole)) == parts
    if len(encode(whole).encode()) <= JOB_LIMIT:
        assert parts == [whole]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 100), texts, st.integers(1, 4_000), users)
@example(100, "\x00" * MESSAGE_LIMIT, 3, User(UserId("u"), "Ada"))
@example(1, "hi", 10_000, User(UserId("u"), "😀" * NAME_LIMIT))
def test_what_is_tried_again_reaches_each_member_once_in_order(
    messages: int, text: str, members: int, user: User
) -> None:
    """Among the parts each member has each message once, the lower numbers first."""
    whole = RetryJob(
        ROOM,
        "r" * 32,
        tuple(numbered(seq, text, user) for seq in range(messages)),
        tuple(
            Member(gateway_id(f"c{n}"), user, Protocol.V1, ORIGIN, 1_795_543_900_000)
            for n in range(members)
        ),
        attempt=2,
    )
    parts = list(cut(whole))
    assert queued(*parts) == parts
    assert {(part.group, cast("RetryJob", part).attempt) for part in parts} == {(whole.group, 2)}
    heard: dict[ConnectionId, list[int]] = {one.id: [] for one in whole.members}
    for part in cast("list[RetryJob]", parts):
        for member in part.members:
            heard[member.id] += [one.seq for one in part.messages]
    assert all(seqs == list(range(messages)) for seqs in heard.values())


@pytest.mark.parametrize(("over", "parts"), [(0, 1), (1, 2)])
def test_a_job_is_cut_only_above_the_limit(over: int, parts: int) -> None:
    """A job of exactly the limit is queued whole, attributes and all; one more byte cuts it."""

    def job(size: int) -> FanoutJob:
        user = User(UserId("u"), "Ada")
        texts = ["x" * (size // 2), "x" * (size - size // 2)]
        update = RoomUpdate(tuple(numbered(seq, text, user) for seq, text in enumerate(texts)))
        return FanoutJob(ROOM, "f" * 64, update, SlotRange(), CENSUS)

    whole = job(JOB_LIMIT + over - len(encode(job(0)).encode()))
    assert len(encode(whole).encode()) == JOB_LIMIT + over
    assert len(queued(*cut(whole))) == parts


def test_a_crowd_of_comings_and_goings_is_cut_by_person() -> None:
    """Names alone can outgrow a job where leaves are small: each is told in one of the parts."""
    user = User(UserId("u" * 64), "😀" * NAME_LIMIT)
    news = RoomUpdate(presence=Presence((user,) * 4_000, (user,) * 4_000, 100))
    parts = list(cut(FanoutJob(ROOM, "id", news, SlotRange(), CENSUS)))
    assert queued(*parts) == parts
    assert gather(told(part) for part in parts) == news


def test_the_number_of_members_alone_is_one_piece() -> None:
    """A update that names nobody is taken apart into itself."""
    news = RoomUpdate(presence=Presence((), (), 2_000))
    assert news.pieces() == [news]


def test_a_batch_that_is_cut_elsewhere_the_second_time_loses_nothing() -> None:
    """Presence may be told the second time only: no part is dropped for one that told less."""
    user = User(UserId("u"), "Ada")
    messages = tuple(numbered(seq, "x" * MESSAGE_LIMIT, user) for seq in range(99))
    updates = (RoomUpdate(messages), RoomUpdate(messages, presence=Presence((), (), 2_000)))
    first, again = (
        list(cut(FanoutJob(ROOM, "id", update, SlotRange(), CENSUS))) for update in updates
    )
    # The first worker died after its first part.
    heard = [told(part) for part in queued(first[0], *again)]
    assert {one.seq for update in heard for one in update.messages} == set(range(99))


def test_half_a_surrogate_pair_is_refused_before_it_is_queued() -> None:
    """No decoder would read it back, so that it has to fail while its sender can be told."""
    message = numbered(1, "\ud800", User(UserId("u"), "Ada")).message
    with pytest.raises(UnicodeEncodeError):
        encode(MessageJob(ROOM, "id", message))


def told(job: Job) -> RoomUpdate:
    """The update that a job tells."""
    assert isinstance(job, FanoutJob)
    return job.update
