"""Moderation: kick, ban, mute and delete."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

from chalicelib.core import protocol
from chalicelib.core.errors import Code, FrameError, forbidden
from chalicelib.core.jobs import MessageJob
from chalicelib.core.model import Message, Protocol, RoomId, Sanction, UserId
from chalicelib.core.protocol import Ban, Delete, Kick, LeftFrame, ModeratedFrame, Mute
from chalicelib.core.record import Record
from chalicelib.service.connections import connections_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ApiStage, Connection
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import Poster
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import ModerationRequest
    from chalicelib.service.connections import ConnectionCloser
    from chalicelib.service.membership import Membership
    from chalicelib.service.runtime import Runtime

POST_SECONDS: Final = 2.0
"""Timeout of the `left` frame to a removed user, in seconds; the room is told in any case."""


class Moderation(Record, frozen=True):
    """Kicks, bans and mutes users, and deletes their messages.

    Each act may be done again: what a death or a failure has left undone is done then.
    """

    store: Store
    job_queue: JobQueue
    poster: Callable[[ApiStage], Poster]
    membership: Membership
    closer: ConnectionCloser
    runtime: Runtime

    def moderate(self, moderator: Connection, request: ModerationRequest) -> ModeratedFrame:
        """Carry out a moderator's request; the moderator need not be a member.

        Raises:
            FrameError: `forbidden`, or `bad_frame` where there is no such message.
        """
        room = RoomId(request.room)
        if not moderator.rights.may_moderate(room):
            raise forbidden()
        if isinstance(request, Delete):
            self._delete(moderator, room, request)
            return ModeratedFrame(action=protocol.action(request), room=room, seq=request.seq)
        user_id = UserId(request.user_id)
        self.runtime.meter.note(target=user_id)
        match request:
            case Kick():
                self._put_out(room, user_id, "kicked")
            case Ban(seconds=seconds):
                self.store.sanction(room, user_id, Sanction.BAN, self._in(seconds))
                if seconds:
                    self._put_out(room, user_id, "banned")
            case Mute(seconds=seconds):
                self._mute(room, user_id, self._in(seconds))
        return ModeratedFrame(action=protocol.action(request), room=room, user_id=user_id)

    def _put_out(self, room: RoomId, user_id: UserId, reason: Literal["kicked", "banned"]) -> None:
        for connection in connections_of(self.store, user_id):
            if connection.protocol is Protocol.PLAIN:
                # It knows no word for this, and no other room.
                if room in connection.rooms:
                    self.closer.close_and_forget(connection.id, connection.api_stage, room)
                continue
            # A join that is under way may go on after a kick; after a ban it finds that.
            if reason == "kicked" and room not in connection.rooms:
                continue
            if not self.membership.take_out(connection, room):
                continue
            frame = protocol.encode(LeftFrame(room=room, reason=reason))
            self.poster(connection.api_stage).post(
                [(connection.id, frame)], time.monotonic() + POST_SECONDS
            )

    def _mute(self, room: RoomId, user_id: UserId, until: int) -> None:
        """Lay the sanction first: who joins after that finds it, who has joined is told of it."""
        self.store.sanction(room, user_id, Sanction.MUTE, until)
        for address in self.store.account(user_id).addresses:
            self.store.mute(address.id, room, until)

    def _delete(self, moderator: Connection, room: RoomId, request: Delete) -> None:
        """Queue the tombstone, which takes the text away when it gets its number."""
        head = self.store.head(room)
        if request.epoch != head.epoch or request.seq > head.seq:
            raise FrameError(
                Code.BAD_FRAME, f"The room has no message {request.seq} in this epoch."
            )
        message = Message(
            # The same each time, and none that a client may give to a message of its own.
            id=f"delete:{request.epoch}:{request.seq}",
            room=room,
            type="delete",
            text="",
            user=moderator.user,
            sender=None,
            sent_at=int(self.runtime.clock() * 1000),
            deletes=request.seq,
        )
        self.job_queue.publish(MessageJob(room, message.key, message))

    def _in(self, seconds: int) -> int:
        return int(self.runtime.clock()) + seconds
