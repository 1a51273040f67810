"""What the use cases ask of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from chalicelib.store.ledger import Ledger
from chalicelib.store.register import Register

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.model import (
        Census,
        Connection,
        ConnectionId,
        Epoch,
        Head,
        Member,
        MessageKey,
        Numbered,
        RoomId,
        Span,
        User,
    )

CONNECTION_LIFE: Final = 2 * 60 * 60 + 10 * 60
"""Seconds that a connection's items are kept: the gateway's two hours, and some slack.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

HISTORY_LIFE: Final = 7 * 24 * 60 * 60
"""Seconds that a message is kept."""

HEAD_LIFE: Final = HISTORY_LIFE + 2 * 24 * 60 * 60
"""Seconds that a room's head outlives its last join or message: longer than any message, so that
numbers begin anew only when nothing of the old ones is left."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A member that has left a room, and how many are left."""

    room: RoomId
    user: User
    members: int


class Store(Ledger, Register, Protocol):
    """Where connections, rooms and messages are kept, and the books of what they may do.

    Every method raises `UnavailableError` when the table can't be reached or throttles. Each may
    then be called again, whatever part of it was carried out.
    """

    def add(self, connection: Connection) -> None:
        """Keep a connection, which is a member of no room yet, and list it with its user."""

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """Return a connection as it is now, or None when it is unknown or expired."""

    def join(self, connection: Connection, room: RoomId) -> Head:
        """Make a connection a member, and return where the room stood at that moment.

        Every message up to the head's `seq` can be read from history by then. Every later one is
        numbered by an `advance` that returns another `version` than the broadcasts before it, and
        whoever reads the members after that finds this one. A repeated join changes the version.

        Raises:
            FrameError: `unknown_connection`, or `too_many_rooms`.
        """

    def renew(self, connection: Connection) -> None:
        """Keep the rights and the end that a connection has now; nothing if it is forgotten.

        Its places in rooms are told the end after that. No version changes: whoever finds a
        member's time over may look at the members again.
        """

    def extend(self, connection: Connection, room: RoomId) -> None:
        """Tell a connection's place in a room its end, if it has a place there."""

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """Take a connection out of a room; None if it was no member.

        Messages numbered later are not for it: the version changes in any case.
        """

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """Delete a connection and its membership of every room, and return what it has left.

        `room` names one it is known to be in, which is left even if the connection's own item,
        and so its list of rooms, is gone already.
        """

    def members(self, room: RoomId, span: Span) -> Iterator[Member]:
        """Yield a room's members in a span, whoever joined before the call included."""

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None]:
        """Return `limit` members or a few more, and the place to go on from, None at the end.

        A place is four hexadecimal digits, which tell nothing about anybody's connection.
        """

    def head(self, room: RoomId) -> Head:
        """Return where a room stands; for a new room, a head that is not kept yet."""

    def append(self, messages: Sequence[Numbered]) -> None:
        """Keep messages under their numbers, whatever was there before."""

    def advance(self, room: RoomId, before: Head, after: Head) -> Head | None:
        """Move a head on, if it is still where it was; None if it is not.

        The result holds the version and the members as they are at that moment.
        """

    def mend(self, room: RoomId, census: Census, members: int) -> None:
        """Correct a head's number of members, if its version is still the same.

        Members that expire, and deaths between two writes of a join, make it drift.
        """

    def messages(
        self, room: RoomId, epoch: Epoch, *, above: int, below: int, newest_first: bool = False
    ) -> Iterator[Numbered]:
        """Yield the kept messages with above < seq < below, read as they are asked for."""

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """Take the text of a kept message away and mark it `deleted`, if it is of that epoch."""

    def find(self, room: RoomId, head: Head, key: MessageKey) -> int | None:
        """Return the number of a message among the newest megabyte, or None."""
