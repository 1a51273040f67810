"""Reading of a room: its history, its members and its newest number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.core import history, protocol
from chalicelib.core.model import RoomId
from chalicelib.core.protocol import PAGE_LIMIT, HistoryFrame, PongFrame, Position, WhoFrame
from chalicelib.core.record import Record
from chalicelib.service.membership import require_member

if TYPE_CHECKING:
    from chalicelib.core.model import Connection
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Ping, ReadHistory, Who
    from chalicelib.service.rate_limiter import ChargeReads

WHO_PAGE: Final = 100
"""Members in one answer to `who`, or a few more."""


class RoomReader(Record, frozen=True):
    """Reads history, members and heads for members of a room."""

    store: Store
    charge_reads: ChargeReads
    page: int = PAGE_LIMIT

    def history(self, connection: Connection, request: ReadHistory) -> HistoryFrame:
        """Return a page of old messages, oldest first.

        Raises:
            FrameError: `not_joined`.
        """
        room = RoomId(request.room)
        require_member(connection, room)
        head = self.store.head(room)
        newest_first = request.after is None
        end = head.seq + 1
        messages = self.store.messages(
            room,
            head.epoch,
            above=request.after or 0,
            below=min(request.before or end, end),
            limit=min(request.limit, self.page),
            newest_first=newest_first,
        )
        page = history.page(
            messages, newest_first=newest_first, last=1 if newest_first else head.seq
        )
        self.charge_reads(connection.id, messages.units + 1, request)
        return HistoryFrame(
            room=room,
            epoch=head.epoch,
            messages=[protocol.message_frame(message) for message in page.messages],
            more=page.more,
            after=request.after,
            before=request.before,
        )

    def ping(self, connection: Connection, request: Ping) -> PongFrame:
        """Answer that the connection is alive, and how far the rooms asked for have come.

        A client in a silent room learns from it whether the newest message has passed it by.
        """
        heads = {
            room: self.store.head(room)
            for room in (RoomId(name) for name in request.rooms)
            if room in connection.rooms
        }
        return PongFrame(
            rooms={room: Position(seq=head.seq, epoch=head.epoch) for room, head in heads.items()}
        )

    def who(self, connection: Connection, request: Who) -> WhoFrame:
        """Return a page of the members.

        Raises:
            FrameError: `not_joined`.
        """
        room = RoomId(request.room)
        require_member(connection, room)
        members, place, units = self.store.members_page(room, request.next, WHO_PAGE)
        self.charge_reads(connection.id, units, request)
        return WhoFrame(
            room=room, members=[protocol.user_frame(member) for member in members], next=place
        )
