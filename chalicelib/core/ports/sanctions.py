"""Sanction port: bans and mutes by room and user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.core.model import ConnectionId, RoomId, Sanction, UserId


class SanctionStore(Protocol):
    """Store of moderators' sanctions, by room and user.

    Moments are seconds since 1970; a sanction until one that has passed is none. Every method
    raises `UnavailableError` when the table can't be reached or throttles.
    """

    def sanction(self, room: RoomId, user_id: UserId, sanction: Sanction, until: int) -> None:
        """Lay a sanction on a user in a room, in place of one of the same kind."""

    def sanctions(self, room: RoomId, user_id: UserId) -> Mapping[Sanction, int]:
        """Return until when each holds, whatever was written before the call included."""

    def mute(self, connection_id: ConnectionId, room: RoomId, until: int) -> None:
        """Note with a connection, if it is known, until when it may not speak in a room.

        It holds whether the connection is in the room or joins it later. Mutes that have ended are
        forgotten.
        """
