"""Fan-out: the split of large rooms among workers, and the wait of busy ones."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.fanout import Fanout
from chalicelib.core.model import ConnectionId, SlotRange, slot


def test_a_room_that_one_worker_can_serve_is_not_shared() -> None:
    """Up to a leaf there is one part, the whole slot range."""
    assert Fanout().split(SlotRange(), 1000) == (SlotRange(),)
    assert Fanout().split(SlotRange(), 0) == (SlotRange(),)


@pytest.mark.parametrize(
    ("members", "parts"), [(1001, 2), (2500, 3), (10_000, 10), (10_001, 10), (1_000_000, 10)]
)
def test_larger_rooms_are_shared_among_as_few_as_can(members: int, parts: int) -> None:
    """About a leaf for each, and no more jobs than one call queues."""
    assert len(Fanout().split(SlotRange(), members)) == parts


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 10**7), st.integers(2, 10))
def test_parts_cover_every_slot_once(one: int, other: int, members: int, branching: int) -> None:
    """However a slot range is cut, its slots lie in exactly one part each."""
    slots = SlotRange(min(one, other), max(one, other))
    parts = Fanout(branching=branching).split(slots, members)
    assert parts[0].first == slots.first
    assert parts[-1].last == slots.last
    assert all(left.last + 1 == right.first for left, right in itertools.pairwise(parts))
    assert all(part.first <= part.last for part in parts)


@given(st.text(min_size=1))
def test_a_connection_lies_in_one_part(connection_id: str) -> None:
    """Every member is served by one worker."""
    parts = Fanout().split(SlotRange(), 10_000)
    assert sum(part.holds(ConnectionId(connection_id)) for part in parts) == 1
    assert 0 <= slot(ConnectionId(connection_id)) <= 0xFFFF


def test_members_spread_evenly() -> None:
    """Ten parts of a room of ten thousand hold about a thousand each."""
    ids = [ConnectionId(f"{number:015}=") for number in range(10_000)]
    for part in Fanout().split(SlotRange(), len(ids)):
        assert 850 < sum(part.holds(one) for one in ids) < 1150


@pytest.mark.parametrize(("members", "seconds"), [(0, 0), (10, 0.005), (400, 0.2), (99_999, 0.5)])
def test_the_linger_grows_with_the_members_up_to_a_limit(members: int, seconds: float) -> None:
    """Small rooms hardly wait, and no room waits for longer than a talker would notice."""
    assert Fanout().linger(members) == pytest.approx(seconds)
