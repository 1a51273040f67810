"""Membership: joining and leaving rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.core import history, protocol
from chalicelib.core.errors import Code, FrameError, forbidden
from chalicelib.core.history import Recovery
from chalicelib.core.model import RoomId
from chalicelib.core.protocol import PAGE_LIMIT, JoinedFrame, LeftFrame
from chalicelib.core.record import Record
from chalicelib.service.sanction_check import require_voice

if TYPE_CHECKING:
    from chalicelib.core.identity import Patterns
    from chalicelib.core.model import Connection, RoomHead
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Join, Leave
    from chalicelib.service.member_cache import MemberCount
    from chalicelib.service.presence import PresenceNotifier
    from chalicelib.service.rate_limiter import ChargeReads
    from chalicelib.service.sanction_check import SanctionCheck


class Membership(Record, frozen=True):
    """Makes connections members of rooms, with the messages they missed, and removes them."""

    store: Store
    notifier: PresenceNotifier
    sanction_check: SanctionCheck
    member_count: MemberCount
    charge_reads: ChargeReads
    private: Patterns = ()
    page: int = PAGE_LIMIT

    def join(self, connection: Connection, request: Join) -> JoinedFrame:
        """Make the connection a member; whatever is numbered from then on is delivered to it.

        Raises:
            FrameError: `forbidden`, `banned`, `unknown_connection`, or `too_many_rooms`.
        """
        room = RoomId(request.room)
        if not connection.rights.may_join(room, self.private):
            raise forbidden()
        joined, head = self.sanction_check.enter(connection, room)
        # The token may have been renewed meanwhile: that looks for rooms after it has written.
        if not joined.rights.may_join(room, self.private):
            self.take_out(joined, room)
            raise forbidden()
        recovery = self._recover(connection, room, head, request)
        members = self.member_count.of(room, head)
        if room not in connection.rooms:
            self.notifier.joined(connection, room, members)
        return JoinedFrame(
            room=room,
            seq=head.seq,
            epoch=head.epoch,
            members=members,
            you=protocol.self_frame(connection.user, moderate=connection.rights.may_moderate(room)),
            recovered=recovery.reason is None,
            messages=[protocol.message_frame(message) for message in recovery.messages],
            reason=recovery.reason,
        )

    def leave(self, connection: Connection, request: Leave) -> LeftFrame:
        """Take the connection out of the room; one that it is not in hears nothing of that."""
        room = RoomId(request.room)
        self.take_out(connection, room)
        return LeftFrame(room=room)

    def take_out(self, connection: Connection, room: RoomId) -> bool:
        """Take the connection out of the room, and tell that; return whether it was in."""
        departure = self.store.leave(connection, room)
        if departure:
            self.notifier.left([departure])
        return departure is not None

    def _recover(
        self, connection: Connection, room: RoomId, head: RoomHead, request: Join
    ) -> Recovery:
        if request.since is None or request.epoch is None:
            return Recovery((), None)
        # The current epoch's: of another one nothing can be given, so nothing is looked for.
        above = request.since if request.epoch == head.epoch else head.seq
        missed = self.store.messages(
            room, head.epoch, above=above, below=head.seq + 1, limit=self.page
        )
        page = history.page(missed, newest_first=False, last=head.seq)
        self.charge_reads(connection.id, missed.units, request)
        return history.recover(head, request.since, request.epoch, page)


def require_member(connection: Connection, room: RoomId) -> None:
    """Refuse what only members of a room may do.

    Raises:
        FrameError: `not_joined`.
    """
    if room not in connection.rooms:
        raise FrameError(Code.NOT_JOINED, f"Join the room {room!r} first.")


def require_speaker(connection: Connection, room: RoomId, now: float) -> None:
    """Refuse what only members may do whose rights let them speak, and who are not muted.

    Raises:
        FrameError: `not_joined`, `forbidden`, or `muted`.
    """
    require_member(connection, room)
    if not connection.rights.may_publish(room):
        raise forbidden()
    require_voice(connection.muted_until(room), now)
