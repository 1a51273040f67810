"""Numbers, pages, recoveries and frames, decided without anything around them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core import history, protocol
from chalicelib.core.history import Page
from chalicelib.core.model import (
    ApiStage,
    ConnectionId,
    Epoch,
    Member,
    Message,
    MessageKey,
    Protocol,
    RoomHead,
    RoomId,
    SequencedMessage,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.protocol import FRAME_LIMIT
from chalicelib.core.room_update import Presence, RoomUpdate, SignalSent, gather
from tests.support.builders import gateway_id

if TYPE_CHECKING:
    from collections.abc import Iterator

TEA = RoomId("tea")
ORIGIN = ApiStage("a1b2c3d4e5", "api")
EPOCH = Epoch("e")
ADA = gateway_id("Ada")
BOB = gateway_id("Bob")
CAT = gateway_id("Cat")


def user(name: str) -> User:
    """A user of that name."""
    return User(UserId(f"user-{name}"), name)


def message(number: int, sender: ConnectionId = ADA, text: str = "hi") -> Message:
    """A message with an id of its own."""
    return Message(
        f"id-{number}", TEA, "chat", text, user("Ada"), sender, 1_795_543_906_000, api_stage=ORIGIN
    )


def numbered(seq: int, sender: ConnectionId = ADA, text: str = "hi") -> SequencedMessage:
    """A message under its number."""
    return SequencedMessage(seq, EPOCH, message(seq, sender, text))


def member(connection_id: ConnectionId, speaks: Protocol = Protocol.V1) -> Member:
    """A member."""
    return Member(connection_id, user(connection_id), speaks, ORIGIN, 1_795_543_900_000)


def head(seq: int = 0) -> RoomHead:
    """The head of a room."""
    return RoomHead(EPOCH, seq, version=1, members=3)


def received(update: RoomUpdate, *members: Member) -> dict[ConnectionId, list[Any]]:
    """Frames that each member is posted, one by one."""
    frames: dict[ConnectionId, list[Any]] = {}
    for connection_id, frame in update.posts(TEA, members):
        frames.setdefault(connection_id, []).append(json.loads(frame))
    return frames


def test_new_messages_get_the_next_numbers() -> None:
    """Numbers go on from the head without a gap, in the order of the batch."""
    result = assign_numbers(head(7), {}, [message(8), message(9)])
    assert [one.seq for one in result.numbered] == [8, 9]
    assert result.fresh == result.numbered
    assert result.head == replace(head(7), seq=9)


def test_known_messages_keep_their_numbers() -> None:
    """A batch that comes again, mixed with new messages and with itself, numbers nothing twice."""
    known = {message(6).key: 6, message(7).key: 7}
    result = assign_numbers(head(7), known, [message(6), message(8), message(8), message(7)])
    assert [one.seq for one in result.numbered] == [6, 8, 8, 7]
    assert [one.seq for one in result.fresh] == [8]
    assert result.head.seq == 8


@given(st.lists(st.lists(st.integers(0, 40), max_size=10), max_size=20))
def test_numbers_are_dense_however_messages_repeat(batches: list[list[int]]) -> None:
    """Any batches with any repetitions: one number each, without gaps."""
    at, seqs = head(), dict[MessageKey, int]()
    for batch in batches:
        result = assign_numbers(at, dict(seqs), [message(key) for key in batch])
        for key, one in zip(batch, result.numbered, strict=True):
            assert seqs.setdefault(message(key).key, one.seq) == one.seq
        at = result.head
    assert sorted(seqs.values()) == list(range(1, at.seq + 1))


def test_two_users_may_use_the_same_id() -> None:
    """A key stands for one user's id, so nobody takes another's."""
    mine = message(1)
    yours = Message("id-1", TEA, "chat", "hi", user("Bob"), BOB, mine.sent_at)
    assert mine.key != yours.key
    assert [one.seq for one in assign_numbers(head(), {}, [mine, yours]).numbered] == [1, 2]


def test_members_get_one_frame_and_senders_their_own() -> None:
    """A listener gets the shared frame; a sender gets its ack in its place."""
    update = RoomUpdate((numbered(1, ADA), numbered(2, BOB)))
    frames = received(update, member(ADA), member(BOB), member(CAT))
    [cat] = frames[CAT]
    [ada] = frames[ADA]
    assert [(one["type"], one["seq"]) for one in cat] == [("message", 1), ("message", 2)]
    assert [(one["type"], one["seq"]) for one in ada] == [("ack", 1), ("message", 2)]
    assert [(one["type"], one["seq"]) for one in frames[BOB][0]] == [("message", 1), ("ack", 2)]


def test_a_message_that_came_over_two_connections_is_shown_once() -> None:
    """Both connections get their ack, the old one's new self the message too, others only one."""
    again = SequencedMessage(1, EPOCH, message(1, BOB))
    update = RoomUpdate((numbered(1, ADA), again))
    frames = received(update, member(ADA), member(BOB), member(CAT), member(CAT, Protocol.PLAIN))
    assert [one["type"] for one in frames[BOB][0]] == ["message", "ack"]
    assert [one["type"] for one in frames[CAT]] == ["message", "message"]
    assert "seq" in frames[CAT][0]
    assert "seq" not in frames[CAT][1]


def test_the_plain_form_gets_messages_only_and_never_its_own() -> None:
    """Signals, presence and acks mean nothing to it."""
    signal = SignalSent("1", user("Bob"), BOB, 0)
    update = RoomUpdate((numbered(1, ADA),), (signal,), Presence((user("x"),), (), 3))
    frames = received(update, member(ADA, Protocol.PLAIN), member(CAT, Protocol.PLAIN))
    assert ADA not in frames
    assert [one["data"]["senderConnectionId"] for one in frames[CAT]] == [ADA]


def test_who_has_left_gets_its_acks_alone() -> None:
    """A sender that is no member any more learns its number and nothing else."""
    update = RoomUpdate((numbered(1, ADA), numbered(2, BOB)))
    acks = [
        (api_stage, to, json.loads(frame)["seq"])
        for api_stage, (to, frame) in update.acks([member(BOB)], SlotRange())
    ]
    assert acks == [(ORIGIN, ADA, 1)]


def test_acks_come_from_the_worker_whose_span_the_sender_would_lie_in() -> None:
    """Of the workers that share a room, one tells a sender that has left its number."""
    update = RoomUpdate((numbered(1, ADA),))
    halves = (SlotRange(0, 0x7FFF), SlotRange(0x8000, 0xFFFF))
    acks = [list(update.acks([], half)) for half in halves]
    assert sorted(len(some) for some in acks) == [0, 1]


def test_bulletins_are_gathered_in_their_order() -> None:
    """Updates that wait for one worker become one, with all joins and the newest number."""
    signal = SignalSent("1", user("Bob"), BOB, 0)
    one = RoomUpdate((numbered(1),), (signal,), Presence((user("x"),), (), 3))
    two = RoomUpdate((numbered(2),), (), Presence((), (user("y"),), 2))
    assert gather([one, RoomUpdate((numbered(3),)), two]) == RoomUpdate(
        (numbered(1), numbered(3), numbered(2)),
        (signal,),
        Presence((user("x"),), (user("y"),), 2),
    )


@given(st.lists(st.integers(1, 40_000), max_size=20))
def test_objects_are_packed_within_the_limit_in_their_order(sizes: list[int]) -> None:
    """Frames hold every object once, in order, within the limit unless one alone is over it."""
    objects = [json.dumps("x" * size).encode() for size in sizes]
    frames = list(protocol.pack(objects))
    unpacked = []
    for frame in frames:
        content = json.loads(frame)
        assert len(frame) <= FRAME_LIMIT or isinstance(content, str)
        unpacked += content if isinstance(content, list) else [content]
    assert [len(one) for one in unpacked] == sizes


def test_a_page_is_cut_by_size_but_never_to_nothing() -> None:
    """A page fits into a frame, oldest first, and one message always comes."""
    long = [numbered(seq, text="x" * 12_000) for seq in (1, 2, 3)]
    forward = history.page(long, newest_first=False, last=3)
    assert ([one.seq for one in forward.messages], forward.more) == ([1, 2], True)
    backward = history.page(long[::-1], newest_first=True, last=1)
    assert ([one.seq for one in backward.messages], backward.more) == ([2, 3], True)
    huge = history.page([numbered(1, text="\x01" * 16_000)], newest_first=False, last=1)
    assert (len(huge.messages), huge.more) == (1, False)


def test_a_page_asks_for_no_more_than_it_takes() -> None:
    """Of a long history only the message is read that does not fit any more."""
    read: list[int] = []

    def endless() -> Iterator[SequencedMessage]:
        for seq in range(1, 100):
            read.append(seq)
            yield numbered(seq, text="x" * 12_000)

    history.page(endless(), newest_first=False, last=99)
    assert read == [1, 2, 3]


def test_a_page_tells_whether_there_are_more() -> None:
    """It ends with the last number that there may be, or there is more."""
    some = [numbered(seq) for seq in (4, 5)]
    assert not history.page(some, newest_first=False, last=5).more
    assert history.page(some, newest_first=False, last=6).more
    assert history.page(some[::-1], newest_first=True, last=1).more
    assert not history.page([], newest_first=True, last=1).more


@pytest.mark.parametrize(
    ("since", "epoch", "kept", "reason", "given"),
    [
        (3, "e", [4, 5], None, [4, 5]),
        (5, "e", [], None, []),
        (2, "e", [3, 4], "more", [3, 4]),
        (1, "e", [4, 5], "expired", [4, 5]),
        (1, "e", [4], "expired", [4]),
        (1, "e", [], "expired", []),
        (1, "e", [2, 4, 5], "expired", [2, 4, 5]),
        (3, "other", [4, 5], "epoch", []),
        (6, "e", [], "epoch", []),
    ],
)
def test_what_a_client_that_comes_back_is_given(
    since: int, epoch: str, kept: list[int], reason: str | None, given: list[int]
) -> None:
    """A room at 5: all that was missed, or as much as there is and the reason for the rest."""
    missed = Page(tuple(numbered(seq) for seq in kept), more=False)
    recovery = history.recover(head(5), since, epoch, missed)
    assert recovery.reason == reason
    assert [one.seq for one in recovery.messages] == given
