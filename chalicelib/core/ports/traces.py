"""Trace port: everything that the table holds of a user, for erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.core.model import Connection, SequencedMessage
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.core.model import Address, Member, RoomId, UserId


class MembershipTrace(Record, frozen=True):
    """A member, and the level of the room's shards at which it stands."""

    member: Member
    room: RoomId
    level: int


Trace = Connection | MembershipTrace | SequencedMessage


class TraceStore(Protocol):
    """Finds what there is of a user, whether it has expired or not.

    Every method raises `UnavailableError` when the table can't be reached or throttles. Each may
    then be called again, whatever part of it was carried out.
    """

    def entries(self, user_id: UserId) -> list[Address]:
        """Return the connections that are listed with a user, those that have ended included."""

    def drop(self, user_id: UserId, entries: Sequence[Address]) -> int:
        """Delete the user's own item and some entries; return how many of them there were."""

    def find(self, user_id: UserId) -> Iterator[Trace]:
        """Read the whole table, and yield connections, members and messages of a user.

        What was written before the call is found. Messages that have been erased are left out.
        """

    def erase(self, numbered: SequencedMessage) -> bool:
        """Keep a message as `rooms.erased` has it, under its number and its key.

        Returns:
            False if there is another message under its number now, or none.
        """
