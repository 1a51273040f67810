"""Rooms that can't keep up get no more to do, and all others as much as ever."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Code, FrameError
from chalicelib.core.model import Message, RoomId, User, UserId, Wait
from chalicelib.core.numbering import assign_numbers
from chalicelib.service.backlog import (
    COPY_LIFE,
    LONGEST_PAUSE,
    MESSAGES_WAIT,
    PROBE,
    SIGNALS_WAIT,
    UNCONFIRMED,
    WAIT_LIFE,
    Backlog,
)
from tests.support.builders import START
from tests.support.fakes import MemoryStore

TEA, COFFEE = RoomId("tea"), RoomId("coffee")


class Scene:
    """A backlog over a table, and what broadcasts of a room find."""

    def __init__(self, limit: int = 10) -> None:
        self.now = START
        self.reads: list[str] = []
        self.store = MemoryStore(lambda: self.now, lambda call: self.reads.append(call))
        self.backlog = Backlog(self.store, lambda: self.now, limit)
        for room in (TEA, COFFEE):
            self.number(0, room)
        self.reads.clear()

    def number(self, wait: int, room: RoomId = TEA) -> None:
        """Number a message that has waited so many milliseconds."""
        head = self.store.head(room)
        message = Message(
            str(head.seq), room, "chat", "hi", User(UserId("u"), "U"), None, int(START * 1000)
        )
        after = assign_numbers(head, {}, [message]).head
        noted = Wait(wait, round(self.now * 1000))
        assert self.store.advance(room, head, replace(after, numbering=noted))

    def taken(self, count: int, room: RoomId = TEA) -> int:
        """Send so many messages; return how many are taken."""
        return sum(self.pause(room) is None for _ in range(count))

    def pause(self, room: RoomId = TEA, *, signal: bool = False) -> float | None:
        """Send something; return how many seconds to wait with it, None when it is taken."""
        take = self.backlog.take_signal if signal else self.backlog.take_message
        try:
            take(room)
        except FrameError as error:
            refusal = error
        else:
            return None
        assert refusal.code is Code.SLOW_DOWN
        return refusal.retry_after


def test_a_room_that_keeps_up_takes_everything() -> None:
    """Up to the bound, a message that waited is no reason to refuse the next one."""
    scene = Scene()
    scene.number(MESSAGES_WAIT)
    assert scene.pause() is None


def test_a_room_that_is_late_is_given_no_more() -> None:
    """Its members are told to wait for as long as messages do; other rooms notice nothing."""
    scene = Scene()
    scene.number(MESSAGES_WAIT + 1)
    assert scene.pause() == pytest.approx((MESSAGES_WAIT + 1) / 1000)
    assert scene.pause(COFFEE) is None


def test_nobody_is_told_to_wait_for_long() -> None:
    """A backlog of minutes is asked after again within seconds."""
    scene = Scene()
    scene.number(300_000)
    assert scene.pause() == LONGEST_PAUSE


def test_signals_wait_for_signals_alone() -> None:
    """They have a backlog of their own, and a smaller one."""
    scene = Scene()
    scene.store.note_signals(TEA, Wait(SIGNALS_WAIT + 1, round(scene.now * 1000)))
    assert scene.pause(signal=True) == pytest.approx((SIGNALS_WAIT + 1) / 1000)
    assert scene.pause() is None
    scene = Scene()
    scene.number(MESSAGES_WAIT + 1)
    assert scene.pause(signal=True) is None
    scene.store.note_signals(COFFEE, Wait(SIGNALS_WAIT, round(scene.now * 1000)))
    assert scene.pause(COFFEE, signal=True) is None


def test_a_wait_is_believed_for_a_moment_only() -> None:
    """A queue that has run dry says nothing more: the room is tried again."""
    scene = Scene()
    scene.number(MESSAGES_WAIT + 1)
    scene.now += (WAIT_LIFE - 1) / 1000
    assert scene.pause() is not None
    scene.now += 1 / 1000
    assert scene.pause() is None


def test_the_head_is_read_once_a_second() -> None:
    """However much is said: the copy serves messages and signals alike."""
    scene = Scene()
    for _ in range(50):
        scene.pause()
        scene.pause(signal=True)
    assert scene.reads == ["GetItem"]
    scene.now += COPY_LIFE / 1000
    scene.pause()
    assert scene.reads == ["GetItem"] * 2


def test_a_room_that_numbers_nothing_is_given_a_bounded_number() -> None:
    """Then one message a second goes through, as its number would show that all is well."""
    scene = Scene()
    assert scene.taken(UNCONFIRMED + 50) == UNCONFIRMED
    assert scene.pause() == pytest.approx(MESSAGES_WAIT / 1000)
    assert scene.taken(50, COFFEE) == 50
    for _ in range(3):
        scene.now += (PROBE - 1) / 1000
        assert scene.taken(5) == 0
        scene.now += 1 / 1000
        assert scene.taken(5) == 1


def test_numbers_that_move_on_release_a_room() -> None:
    """As much again may come once all that was taken before has been confirmed."""
    scene = Scene()
    scene.taken(UNCONFIRMED + 1)
    scene.now += COPY_LIFE / 1000
    scene.number(5)
    assert scene.taken(UNCONFIRMED + 1) == UNCONFIRMED
    scene.now += COPY_LIFE / 1000 - 0.002
    scene.number(5)
    assert scene.taken(1) == 0


def test_what_is_remembered_has_a_bound() -> None:
    """The rooms that were read first are dropped first."""
    scene = Scene(limit=1)
    for room in (TEA, COFFEE, TEA):
        scene.pause(room)
    assert scene.reads == ["GetItem"] * 3
