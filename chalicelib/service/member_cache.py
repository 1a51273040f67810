"""Member cache: the members of rooms, kept until their version changes."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from chalicelib.core.identity import is_over
from chalicelib.core.model import SlotRange, slot
from chalicelib.core.recent import Recent
from chalicelib.core.record import Record
from chalicelib.core.shards import LEVELS, WHOLE, ShardState, shards_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from chalicelib.core.model import (
        ConnectionId,
        Epoch,
        Member,
        MembershipVersion,
        RoomHead,
        RoomId,
    )
    from chalicelib.core.ports.store import Store
    from chalicelib.core.shards import Shard

    Version = tuple[Epoch, int]
    Key = tuple[RoomId, Shard, SlotRange]

LIMIT: Final = 50_000
"""Members kept over all rooms: about 20 MB of a container's memory."""

READ_WHOLE: Final = 1000
"""Members up to which the lowest shard is read as a whole, whichever part of it is asked for."""

COUNT_LIFE: Final = 10.0
"""Seconds for which a container believes how many members a large room has."""


class MemberCache:
    """Reads the members of a part of a shard only if its version has changed.

    That is exact: whoever comes or goes writes the member first and changes the version after
    that, so what was read under a version, or after it, lacks nobody of that version. A renewed
    token changes no version, so members whose time seems to be over are read again, too.
    """

    def __init__(
        self, store: Store, limit: int = LIMIT, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._limit = limit
        self._clock = clock
        self._size = 0
        # Locally, broadcasts of several rooms share the process.
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[Version, tuple[Member, ...]]] = OrderedDict()

    def of(
        self, room: RoomId, slots: SlotRange, membership_version: MembershipVersion
    ) -> tuple[Member, ...]:
        """Return the members of a room in a slot range, as of a census or later, each once.

        Raises:
            UnavailableError: they can't be read.
        """
        lowest, *others = shards_of(slots, membership_version.level)
        if not others:
            return tuple(self._of_shard(room, lowest, slots, membership_version, ShardState()))
        states = self._store.shards(room, others)
        members: dict[ConnectionId, Member] = {}
        for shard in (lowest, *(one for one in others if one in states)):
            state = states.get(shard, ShardState())
            for member in self._of_shard(room, shard, slots, membership_version, state):
                members[member.id] = member
        return tuple(members.values())

    def _of_shard(
        self,
        room: RoomId,
        shard: Shard,
        slots: SlotRange,
        membership_version: MembershipVersion,
        state: ShardState,
    ) -> list[Member]:
        """Return a shard's members in a slot range."""
        if shard == WHOLE:
            state = ShardState(membership_version.version, membership_version.lowest)
            part = shard.slots if state.members <= READ_WHOLE else slots
            versions = {part: (membership_version.epoch, state.version)}
        else:
            versions = {
                part: (membership_version.epoch, version)
                for part, version in zip(shard.parts(), state.parts, strict=True)
                if part.overlaps(slots)
            }
        members = self._of_parts(room, shard, versions, state)
        if all(part == part.overlap(slots) for part in versions):
            return members
        return [member for member in members if slots.holds(member.id)]

    def _of_parts(
        self, room: RoomId, shard: Shard, versions: Mapping[SlotRange, Version], state: ShardState
    ) -> list[Member]:
        """Return the members of neighbouring parts of a shard, as of their versions or later.

        One Query reads from the first part that has changed to the last.
        """
        known = self._known(room, shard, versions)
        changed = [part for part in versions if part not in known]
        if changed:
            stretch = _hull(changed)
            parts = [part for part in versions if part.overlaps(stretch)]
            read = _by_part(parts, self._store.members(room, shard, stretch))
            known.update(read)
            self._mend(room, shard, _hull(versions), state, sum(map(len, known.values())))
            with self._lock:
                for part, members in read.items():
                    self._keep((room, shard, part), versions[part], members)
        return [member for part in versions for member in known[part]]

    def _known(
        self, room: RoomId, shard: Shard, versions: Mapping[SlotRange, Version]
    ) -> dict[SlotRange, tuple[Member, ...]]:
        """Return the members of those parts that have not changed since they were read."""
        known: dict[SlotRange, tuple[Member, ...]] = {}
        with self._lock:
            for part, version in versions.items():
                key = (room, shard, part)
                kept = self._kept.get(key)
                if kept and kept[0] == version and not self._any_over(kept[1]):
                    self._kept.move_to_end(key)
                    known[part] = kept[1]
        return known

    def _mend(
        self, room: RoomId, shard: Shard, part: SlotRange, state: ShardState, found: int
    ) -> None:
        """Repair a shard's number of members if it differs from the members read.

        A part of a shard can't tell exactly. One with less than half of its share tells that there
        are too few to mind counting them.
        """
        if part != shard.slots:
            share = state.members * len(part) // len(shard.slots)
            if found * 2 >= share:
                return
            found = self._store.count(room, shard)
        if found != state.members:
            self._store.repair_member_count(room, shard, replace(state, members=found))

    def _any_over(self, members: Iterable[Member]) -> bool:
        now = self._clock()
        return any(is_over(member.until, now) for member in members)

    def _keep(self, key: Key, version: Version, members: tuple[Member, ...]) -> None:
        old = self._kept.pop(key, None)
        self._size += len(members) - (len(old[1]) if old else 0)
        self._kept[key] = (version, members)
        while self._size > self._limit and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._size -= len(dropped)


def _hull(parts: Iterable[SlotRange]) -> SlotRange:
    """Return the slot range from the first of some parts to the last, which are in order."""
    slot_ranges = list(parts)
    return SlotRange(slot_ranges[0].first, slot_ranges[-1].last)


def _by_part(
    parts: Sequence[SlotRange], members: Iterable[Member]
) -> dict[SlotRange, tuple[Member, ...]]:
    """Sort members into the neighbouring parts of a shard that hold them."""
    starts = [part.first for part in parts]
    sorted_in: list[list[Member]] = [[] for _ in parts]
    for member in members:
        sorted_in[bisect_right(starts, slot(member.id)) - 1].append(member)
    return dict(zip(parts, map(tuple, sorted_in), strict=True))


class MemberCount:
    """Counts a room's members: exactly in a small room, up to ten seconds late in a large one.

    The shards of a large room have counts of their own; adding them up for each message, join or
    leave would cost more than it tells.
    """

    def __init__(
        self, store: Store, limit: int = 10_000, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: Recent[RoomId, _Count] = Recent(limit)

    def of(self, room: RoomId, head: RoomHead) -> int:
        """Return how many members a room has that stands at a head.

        Raises:
            UnavailableError: they can't be counted.
        """
        if head.level == 0:
            return head.members
        count = self._lately(room) or self._add_up(room, head)
        return head.members + count.spread

    def last(self, room: RoomId) -> int:
        """Return how many members a large room had lately, without reading its head each time.

        Each of 2,000 members a second who leave one room would read it otherwise, from a partition
        that gives 3,000 units, of which those who join need as much.

        Raises:
            UnavailableError: they can't be counted.
        """
        count = self._lately(room)
        if count is None:
            return self.of(room, self._store.head(room, consistent=False))
        return count.lowest + count.spread

    def _lately(self, room: RoomId) -> _Count | None:
        with self._lock:
            count = self._kept.get(room)
        return count if count and self._clock() - count.at < COUNT_LIFE else None

    def _add_up(self, room: RoomId, head: RoomHead) -> _Count:
        now = self._clock()
        shards = [shard for level in LEVELS[1 : head.level + 1] for shard in level]
        states = self._store.shards(room, shards, consistent=False)
        count = _Count(now, head.members, sum(state.members for state in states.values()))
        with self._lock:
            self._kept.note(room, count)
        return count


class _Count(Record, frozen=True):
    """Number of members of a large room at a time: at the lowest level, and above it."""

    at: float
    lowest: int
    spread: int


class LastCount:
    """Remembers the number of members that each room was last told."""

    def __init__(self, limit: int = 10_000) -> None:
        self._lock = threading.Lock()
        self._counts: Recent[RoomId, int] = Recent(limit)

    def replace(self, room: RoomId, members: int) -> bool:
        """Note that a room is told now; return whether it was told another number before."""
        with self._lock:
            changed = self._counts.get(room) != members
            self._counts.note(room, members)
        return changed
