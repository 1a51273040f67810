"""Sanction check: keeps banned users out of a room, and muted users silent."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from chalicelib.core.errors import Code, FrameError
from chalicelib.core.model import Sanction
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.core.model import Connection, RoomHead, RoomId, UserId
    from chalicelib.core.ports.store import Store


class SanctionCheck(Record, frozen=True):
    """Enforces bans and mutes."""

    store: Store
    clock: Callable[[], float]

    def enter(self, connection: Connection, room: RoomId) -> tuple[Connection, RoomHead]:
        """Make a connection a member; return it as it is then, and where the room stood.

        A ban is looked for twice. The first look spares the room somebody who would leave again at
        once. The second finds a ban that came in between: it is laid before its user's connections
        are put out, so either they are found in the room by then, or the ban is found here. A mute
        is noted with its user's connections whether they are in the room or not, and the write that
        lets one speak here takes along what the first look has found.

        Raises:
            FrameError: `banned`, `unknown_connection`, or `too_many_rooms`.
        """
        muted_until = self._require_admitted(room, connection.user.user_id).get(Sanction.MUTE)
        joined, head = self.store.join(connection, room, muted_until)
        try:
            sanctions = self._require_admitted(room, connection.user.user_id)
        except FrameError:
            self.store.leave(joined, room)
            raise
        if muted_until != sanctions.get(Sanction.MUTE):
            self.store.mute(connection.id, room, sanctions.get(Sanction.MUTE, 0))
        return joined, head

    def require_unsanctioned(self, room: RoomId, user_id: UserId) -> None:
        """Refuse the message of a user who need not be a member.

        Raises:
            FrameError: `banned`, or `muted`.
        """
        sanctions = self._require_admitted(room, user_id)
        require_voice(sanctions.get(Sanction.MUTE), self.clock())

    def _require_admitted(self, room: RoomId, user_id: UserId) -> Mapping[Sanction, int]:
        sanctions = self.store.sanctions(room, user_id)
        if Sanction.BAN in sanctions:
            raise FrameError(Code.BANNED, f"You are banned from the room {room!r}.")
        return sanctions


def require_voice(muted_until: int | None, now: float) -> None:
    """Refuse the message of a muted user.

    Raises:
        FrameError: `muted`.
    """
    if muted_until is not None and muted_until > now:
        left = ceil(muted_until - now)
        raise FrameError(Code.MUTED, f"You may only listen here for another {left} s.", left)
