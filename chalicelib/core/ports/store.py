"""Store port: connections, rooms and messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from chalicelib.core.ports.rate_limits import RateLimitStore
from chalicelib.core.ports.sanctions import SanctionStore
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from chalicelib.core.model import (
        Connection,
        ConnectionId,
        Epoch,
        Member,
        MessageKey,
        RoomHead,
        RoomId,
        SequencedMessage,
        SlotRange,
        User,
        Wait,
    )
    from chalicelib.core.shards import Shard, ShardState

CONNECTION_LIFE: Final = 2 * 60 * 60 + 10 * 60
"""Seconds that a connection's items are kept: the gateway's two hours, and some slack.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

HISTORY_LIFE: Final = 7 * 24 * 60 * 60
"""Seconds that a message is kept."""

HEAD_LIFE: Final = HISTORY_LIFE + 2 * 24 * 60 * 60
"""Seconds that a room's head outlives its last join or message: longer than any message, so that
numbers begin anew only when nothing of the old ones is left."""


Item = TypeVar("Item")


class MeteredRead(Iterator[Item]):
    """Yields what is read of the table as it is asked for, and counts what that consumes.

    Attributes:
        units: read units consumed so far, of 4 KB each.

    Args:
        pages: what each call has read, and the units that it consumed.
    """

    def __init__(self, pages: Iterable[tuple[Sequence[Item], int]]) -> None:
        self.units = 0
        self._items = self._flatten(pages)

    def __next__(self) -> Item:
        """Return the next one, with another call if need be."""
        return next(self._items)

    def _flatten(self, pages: Iterable[tuple[Sequence[Item], int]]) -> Iterator[Item]:
        for items, units in pages:
            self.units += units
            yield from items


class Departure(Record, frozen=True):
    """A member that has left a room.

    Attributes:
        members: how many are left; None in a room whose members are spread over shards, where
            that takes some reading.
    """

    room: RoomId
    user: User
    members: int | None


class Store(RateLimitStore, SanctionStore, Protocol):
    """Store of connections, rooms, messages, charges and sanctions.

    Every method raises `UnavailableError` when the table can't be reached or throttles. Each may
    then be called again, whatever part of it was carried out.
    """

    def add(self, connection: Connection) -> None:
        """Keep a connection, which is a member of no room yet, and list it with its user."""

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """Return a connection as it is now, or None when it is unknown or expired."""

    def join(
        self, connection: Connection, room: RoomId, muted_until: int | None = None
    ) -> tuple[Connection, RoomHead]:
        """Make a connection a member, and return where the room stood at that moment.

        Every message up to the head's `seq` can be read from history by then. Every later one is
        numbered by an `advance`, and whoever reads the versions of the shards after that finds
        another than before, and with it this member. A join of a room that the connection has
        joined already changes nothing.

        Args:
            connection: what is known of the connection; a room that it has joined counts as such.
            room: the room.
            muted_until: until when its user may not speak there; it is kept in the same write that
                lets the connection speak.

        Returns:
            The connection as it is after that, and the head.

        Raises:
            FrameError: `unknown_connection`, or `too_many_rooms`.
        """

    def renew(self, connection: Connection) -> list[RoomId]:
        """Keep the rights and the end that a connection has now; nothing if it is forgotten.

        Returns:
            The rooms that it is in, or may be in, read after that.
        """

    def extend(self, connection: Connection, room: RoomId) -> None:
        """Tell a connection's member of a room its end, if there is one.

        No version changes: whoever finds a member's time over may look at the members again.
        """

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """Take a connection out of a room; None if it was no member.

        Messages numbered later are not for it.
        """

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """Delete a connection and its membership of every room, and return what it has left.

        `room` names one it is known to be in, which is left even if nothing else is known of the
        connection.
        """

    def forget_all(self, members: Sequence[Member], room: RoomId, level: int) -> list[Departure]:
        """Forget the connections of many members of a room likewise, in few calls.

        A version changes once for all of them. The numbers of members may be wrong where others
        forget the same ones, until they are read.
        """

    def members(self, room: RoomId, shard: Shard, slots: SlotRange) -> Iterator[Member]:
        """Yield a shard's members in a slot range, whoever joined before the call included."""

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None, int]:
        """Return `limit` members or a few more, the place to go on from, and the read units.

        A place is four hexadecimal digits, which tell nothing about anybody's connection; None at
        the end.
        """

    def shards(
        self, room: RoomId, shards: Sequence[Shard], *, consistent: bool = True
    ) -> dict[Shard, ShardState]:
        """Return the state of shards above the lowest level, those without members left out."""

    def count(self, room: RoomId, shard: Shard) -> int:
        """Count a shard's members by reading them."""

    def repair_member_count(self, room: RoomId, shard: Shard, state: ShardState) -> None:
        """Correct a shard's number of members, if its version is still the same.

        Members that expire, and deaths between two writes of a join, make it drift.
        """

    def head(self, room: RoomId, *, consistent: bool = True) -> RoomHead:
        """Return a room's head; for a new room, one that is not kept yet.

        Read without consistency it may be a moment old, for half the read units.
        """

    def numbers(
        self, room: RoomId, keys: Collection[MessageKey]
    ) -> tuple[RoomHead, dict[MessageKey, int]]:
        """Return where a room stands, and the numbers of those messages that have one.

        That is exact for as long as messages are kept.
        """

    def append(self, messages: Sequence[SequencedMessage]) -> None:
        """Keep messages under their numbers, and the numbers of their keys."""

    def advance(self, room: RoomId, before: RoomHead, after: RoomHead) -> RoomHead | None:
        """Move a head on, if it is still where it was; None if it is not.

        The result holds the version and the members as they are at that moment.
        """

    def note_signals(self, room: RoomId, wait: Wait) -> None:
        """Keep how long signals have waited, if the room has a head."""

    def messages(
        self,
        room: RoomId,
        epoch: Epoch,
        *,
        above: int,
        below: int,
        limit: int,
        newest_first: bool = False,
    ) -> MeteredRead[SequencedMessage]:
        """Read up to `limit` kept messages with above < seq < below, as they are asked for."""

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """Take the text of a kept message away and mark it `deleted`, if it is of that epoch."""
