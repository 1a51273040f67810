"""Members are read again only where somebody has come or gone, and counted as often as it pays."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Protocol,
    RoomId,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.shards import (
    CAPACITY,
    LEVELS,
    WHOLE,
    Shard,
    ShardState,
    next_level,
    shard_of,
    shards_of,
)
from chalicelib.service.member_cache import (
    COUNT_LIFE,
    READ_WHOLE,
    LastCount,
    MemberCache,
    MemberCount,
)
from tests.support.builders import START, gateway_id
from tests.support.fakes import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.core.model import Member

TEA, COFFEE = RoomId("tea"), RoomId("coffee")
LEAVES = SlotRange().cut(10)


class Asked(MemoryStore):
    """A store that notes which slot ranges of members it was asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked: list[SlotRange] = []

    def members(self, room: RoomId, shard: Shard, slots: SlotRange) -> Iterator[Member]:
        """See `Store.members`."""
        self.asked.append(slots)
        return super().members(room, shard, slots)


class Scene:
    """A room, and a worker's cache of its members.

    Attributes:
        calls: what the table was asked for since the last look.
    """

    def __init__(self, capacity: tuple[int, ...] = CAPACITY, limit: int = 1000) -> None:
        self.now = START
        self.calls: Counter[str] = Counter()
        self.store = Asked(
            lambda: self.now, lambda call: self.calls.update([call]), capacity=capacity
        )
        self.cache = MemberCache(self.store, limit, clock=lambda: self.now)
        self.count = MemberCount(self.store, clock=lambda: self.now)

    def join(self, *names: str, room: RoomId = TEA) -> None:
        """Let people join."""
        for name in names:
            one = Connection(
                gateway_id(name),
                User(UserId(name), name),
                Protocol.V1,
                int(START * 1000),
                ApiStage("a1b2c3d4e5", "api"),
            )
            self.store.add(one)
            self.store.join(one, room)

    def of(self, slots: SlotRange = SlotRange(), room: RoomId = TEA) -> set[ConnectionId]:  # noqa: B008 - frozen
        """The members of a slot range, as the cache knows them."""
        head = self.store.head(room)
        membership_version = head.membership_version(self.count.of(room, head))
        self.calls.clear()
        found = [member.id for member in self.cache.of(room, slots, membership_version)]
        assert len(found) == len(set(found))
        return set(found)


def names(count: int) -> list[str]:
    """Names of many."""
    return [f"c{number}" for number in range(count)]


def test_members_are_read_once_until_somebody_comes() -> None:
    """In a small room by the version of its head, without any call."""
    scene = Scene()
    scene.join("Ada")
    assert scene.of() == {gateway_id("Ada")}
    assert scene.calls == {"Query": 1}
    scene.of()
    assert scene.calls == {}
    scene.join("Bob")
    assert scene.of() == {gateway_id("Ada"), gateway_id("Bob")}
    assert scene.calls == {"Query": 1}


def test_a_leaf_of_a_large_room_reads_what_has_changed_of_its_own() -> None:
    """A join touches one shard: the leaf that holds it reads one again, and the others none."""
    scene = Scene(capacity=(10, 10_000))
    scene.join(*names(60))
    for leaf in LEAVES:
        scene.of(leaf)
    for leaf in LEAVES:
        scene.of(leaf)
        assert scene.calls == {"BatchGetItem": 1}
    scene.join("newcomer")
    read = {}
    for leaf in LEAVES:
        found = scene.of(leaf)
        read[leaf] = scene.calls["Query"]
        assert (gateway_id("newcomer") in found) == leaf.holds(gateway_id("newcomer"))
    assert sorted(read.values()) == [0] * 9 + [1]
    assert next(leaf for leaf, reads in read.items() if reads).holds(gateway_id("newcomer"))


@given(
    st.lists(
        st.tuples(st.integers(0, 39), st.sampled_from([SlotRange(), *LEAVES, *SlotRange().cut(3)]))
    ),
    st.sampled_from([(3, 10), (3, 1000), (1000, 10_000)]),
)
def test_who_is_known_is_who_is_there(
    moves: list[tuple[int, SlotRange]], capacity: tuple[int, int]
) -> None:
    """Reads are right beside any joins and leaves, for any slot ranges, over any levels."""
    scene = Scene(capacity)
    there: set[str] = set()
    for number, slots in moves:
        name = f"c{number}"
        if name in there:
            scene.store.forget(gateway_id(name))
        else:
            scene.join(name)
        there ^= {name}
        assert scene.of(slots) == {one for one in map(gateway_id, there) if slots.holds(one)}


def test_of_a_large_room_only_parts_that_have_changed_are_read() -> None:
    """From the first of them to the last; the others are what they were."""
    scene = Scene(capacity=(1, 10_000))
    scene.join(*names(200))
    shard = LEVELS[1][0]
    parts = shard.parts()
    fresh = (f"n{number}" for number in itertools.count())
    scene.of(shard.slots)
    for changed in ([2], [5], [3, 7, 4]):
        newcomers = [
            next(name for name in fresh if parts[number].holds(gateway_id(name)))
            for number in changed
        ]
        scene.join(*newcomers)
        scene.store.asked.clear()
        assert {gateway_id(name) for name in newcomers} < scene.of(shard.slots)
        assert scene.store.asked == [SlotRange(parts[min(changed)].first, parts[max(changed)].last)]


def test_a_small_lowest_shard_is_read_whole_and_shared_by_all_spans() -> None:
    """Workers of several slot ranges in one container read it once."""
    scene = Scene(capacity=(10, 10_000))
    scene.join(*names(11))
    found = [scene.of(leaf) for leaf in LEAVES[:1]]
    assert scene.calls["Query"] == 1
    for leaf in LEAVES[1:]:
        found.append(scene.of(leaf))
        assert scene.calls["Query"] == 0
    assert set.union(*found) == {gateway_id(name) for name in names(11)}


def test_a_large_shard_is_read_in_parts() -> None:
    """A leaf of a room that had no time to spread reads its own slots alone."""
    scene = Scene(capacity=(10**6, 10**7))
    scene.join(*names(READ_WHOLE + 1))
    parts = [scene.of(leaf) for leaf in LEAVES]
    assert sum(map(len, parts)) == READ_WHOLE + 1
    assert set.union(*parts) == {gateway_id(name) for name in names(READ_WHOLE + 1)}
    for leaf, part in zip(LEAVES, parts, strict=True):
        assert all(leaf.holds(one) for one in part)


def test_what_is_kept_has_a_bound() -> None:
    """The room that was asked after longest ago is dropped first, the last one never."""
    scene = Scene(limit=5)
    for room in (TEA, COFFEE):
        scene.join(*names(3), room=room)
    scene.of(room=TEA)
    scene.of(room=COFFEE)
    scene.of(room=COFFEE)
    assert scene.calls == {}
    scene.of(room=TEA)
    assert scene.calls == {"Query": 1}
    scene.join(*names(9), room=TEA)
    for _ in range(2):
        scene.of(room=TEA)
    assert scene.calls == {}


def test_a_room_that_is_asked_after_stays() -> None:
    """Of three that do not fit, the one that was used least lately goes."""
    scene = Scene(limit=7)
    rooms = [RoomId(name) for name in "abc"]
    for room in rooms:
        scene.join(*names(3), room=room)
    for room in (rooms[0], rooms[1], rooms[0], rooms[2]):
        scene.of(room=room)
    scene.of(room=rooms[0])
    assert scene.calls == {}
    scene.of(room=rooms[1])
    assert scene.calls == {"Query": 1}


def test_a_large_room_is_counted_once_in_a_while() -> None:
    """In between, only the lowest level's number is exact, which costs nothing."""
    scene = Scene(capacity=(3, 10_000))
    scene.join(*names(8))
    assert scene.count.of(TEA, scene.store.head(TEA)) == 8
    scene.join("newcomer")
    scene.calls.clear()
    head = scene.store.head(TEA)
    scene.now += COUNT_LIFE - 0.001
    assert scene.count.of(TEA, head) == 8
    assert "BatchGetItem" not in scene.calls
    scene.now += 0.001
    assert scene.count.of(TEA, head) == 9
    assert scene.calls["BatchGetItem"] == 1


def test_who_leaves_a_large_room_reads_its_head_once_in_a_while() -> None:
    """In between, the number of members is the one that was counted last."""
    scene = Scene(capacity=(3, 10_000))
    scene.join(*names(8))
    scene.calls.clear()
    assert scene.count.last(TEA) == 8
    assert scene.calls == {"GetItem": 1, "BatchGetItem": 1}
    scene.join("newcomer")
    scene.calls.clear()
    scene.now += COUNT_LIFE - 0.001
    assert scene.count.last(TEA) == 8
    assert scene.calls == {}
    scene.now += 0.001
    assert scene.count.last(TEA) == 9
    assert scene.calls == {"GetItem": 1, "BatchGetItem": 1}


def test_a_small_room_is_counted_exactly() -> None:
    """Its number stands in the head that is at hand."""
    scene = Scene()
    for number, name in enumerate(names(5), 1):
        scene.join(name)
        head = scene.store.head(TEA)
        scene.calls.clear()
        assert scene.count.of(TEA, head) == number
        assert scene.calls == {}


def test_counts_that_are_kept_have_a_bound() -> None:
    """The room that was counted first is counted again."""
    scene = Scene(capacity=(1, 10_000))
    count = MemberCount(scene.store, limit=1, clock=lambda: scene.now)
    for room in (TEA, COFFEE):
        scene.join(*names(4), room=room)
    heads = {room: scene.store.head(room) for room in (TEA, COFFEE)}
    scene.calls.clear()
    for room in (TEA, COFFEE, COFFEE, TEA):
        assert count.of(room, heads[room]) == 4
    assert scene.calls == {"BatchGetItem": 3}


def test_a_number_is_news_once() -> None:
    """Until it is another one, or has been dropped for other rooms."""
    last = LastCount(limit=1)
    assert [last.replace(TEA, number) for number in (7, 7, 8, 7)] == [True, False, True, True]
    assert last.replace(COFFEE, 7)
    assert last.replace(TEA, 7)


def test_levels_divide_the_slots_evenly() -> None:
    """1, 10 and 100 shards, each level of which holds every slot once."""
    assert [len(level) for level in LEVELS] == [1, 10, 100]
    assert LEVELS[0] == (WHOLE,)
    for number, level in enumerate(LEVELS):
        assert level[0].slots.first == 0
        assert level[-1].slots.last == 0xFFFF
        for one, other in itertools.pairwise(level):
            assert one.slots.last + 1 == other.slots.first
        assert {shard.level for shard in level} == {number}
        assert len({str(shard) for shard in level}) == len(level)
    assert len({str(shard) for level in LEVELS for shard in level}) == 111


@given(st.text(min_size=1), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 2))
def test_a_member_s_shard_is_among_those_of_its_span(
    name: str, one: int, other: int, level: int
) -> None:
    """A worker looks at each shard that may hold a member of its slot range, whatever that is."""
    connection_id, slots = ConnectionId(name), SlotRange(min(one, other), max(one, other))
    shards = shards_of(slots, level)
    for at in range(level + 1):
        shard = shard_of(connection_id, at)
        assert shard.slots.holds(connection_id)
        assert (shard in shards) or not slots.holds(connection_id)
    assert {shard.level for shard in shards} == set(range(level + 1))
    assert all(shard.slots.first <= slots.last for shard in shards)
    assert all(shard.slots.last >= slots.first for shard in shards)


@pytest.mark.parametrize(
    ("level", "members", "higher"),
    [(0, 500, None), (0, 501, 1), (1, 1000, None), (1, 1001, 2), (2, 10**9, None)],
)
def test_a_level_is_outgrown_by_its_members(level: int, members: int, higher: int | None) -> None:
    """By those of one shard times the level's shards; the last level by none."""
    assert next_level(level, members) == higher


def test_a_shard_is_written_as_level_and_slots() -> None:
    """So that no two shards have one name."""
    assert str(Shard(2, SlotRange(0x0A00, 0xFFFF))) == "20a00ffff"
    assert str(WHOLE) == "00000ffff"
    assert ShardState() == ShardState(version=0, members=0)
