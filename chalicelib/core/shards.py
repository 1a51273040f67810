"""Shards of a room: parts of its members, each with a partition key of its own.

A partition takes 1,000 write units and gives 3,000 read units a second
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html).
Members of a small room share one partition, and their version stands in the room's head. When a
room has outgrown a level, new members go to the shards of the next one, which divide the slots
among them; those who have come before stay where they are. So no member ever moves, and a room's
members are those of all levels up to its own.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import TYPE_CHECKING, Final

from chalicelib.core.model import SlotRange, slot
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.core.model import ConnectionId

CAPACITY: Final = (500, 10_000)
"""Members above which a room goes on to the next level; the last level has no bound.

500 leave a partition half of its write units while a room is stormed, for the containers that do
not know yet that it has gone on.
"""

FANOUT: Final = 10
"""Shards of the next level in each: as many as a worker shares a room among, so that one shard is
what one worker of a large room reads."""

PARTS: Final = 10
"""Parts of a shard, each with a version of its own: a worker reads those again that have changed.

Their versions stand in the shard's one item, so that they cost neither calls nor units.
"""


class Shard(Record, frozen=True, order=True):
    """One part of a room's members: a level, and the slots that it holds there."""

    level: int
    slots: SlotRange

    def __str__(self) -> str:
        """Write it as the level and eight hexadecimal digits."""
        return f"{self.level}{self.slots}"

    def parts(self) -> tuple[SlotRange, ...]:
        """Return its parts, in the order of their slots."""
        return _parts(self)

    def part_of(self, connection_id: ConnectionId) -> int:
        """Return the number of the part that a connection belongs to."""
        return bisect_right(self.parts(), slot(connection_id), key=lambda part: part.first) - 1


@cache
def _parts(shard: Shard) -> tuple[SlotRange, ...]:
    return shard.slots.cut(PARTS)


WHOLE: Final = Shard(0, SlotRange())
"""The one shard of the lowest level."""


class ShardState(Record, frozen=True):
    """State of a shard: its versions and its number of members; zeros before the first.

    Attributes:
        version: changes with every join and leave.
        members: how many there are; a hint, mended when they are next read.
        parts: the versions of its parts; the lowest shard's have none.
    """

    version: int = 0
    members: int = 0
    parts: tuple[int, ...] = (0,) * PARTS


def _levels() -> Iterator[tuple[Shard, ...]]:
    slot_ranges: tuple[SlotRange, ...] = (SlotRange(),)
    for level in range(len(CAPACITY) + 1):
        yield tuple(Shard(level, slots) for slots in slot_ranges)
        slot_ranges = tuple(part for slots in slot_ranges for part in slots.cut(FANOUT))


LEVELS: Final = tuple(_levels())
"""Every level's shards, in the order of their slots: 1, 10 and 100."""

_STARTS: Final = tuple([shard.slots.first for shard in level] for level in LEVELS)


def shard_of(connection_id: ConnectionId, level: int) -> Shard:
    """Return the shard of a level that a connection belongs to."""
    return LEVELS[level][bisect_right(_STARTS[level], slot(connection_id)) - 1]


def shards_of(slots: SlotRange, level: int) -> list[Shard]:
    """Return the shards that may hold members of a slot range, of every level up to `level`."""
    return [
        shard for shards in LEVELS[: level + 1] for shard in shards if shard.slots.overlaps(slots)
    ]


def next_level(level: int, members: int, capacity: Sequence[int] = CAPACITY) -> int | None:
    """Return the level to go on to, if a shard of this one has so many members; else None."""
    if level == len(capacity) or members * len(LEVELS[level]) <= capacity[level]:
        return None
    return level + 1
