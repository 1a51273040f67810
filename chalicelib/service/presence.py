"""Others learn who comes and who goes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.errors import UnavailableError
from chalicelib.outbox import PresenceJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.model import Connection, Origin, RoomId
    from chalicelib.outbox import Outbox
    from chalicelib.store import Departure


PRESENCE_LIMIT: Final = 200
"""Members up to which a room is told names; above it only the count, along with messages."""


@dataclass(frozen=True)
class Herald:
    """Queues the news of comings and goings, which the broadcast tells with whatever else there is.

    Large rooms have none queued: their broadcasts carry the number of members. What the queue does
    not take is left out, since the next news carry the number again.
    """

    outbox: Outbox
    new_id: Callable[[], str]

    def joined(self, connection: Connection, room: RoomId, members: int) -> None:
        """Tell a room that somebody has come, which now has so many members."""
        if members <= PRESENCE_LIMIT:
            with suppress(UnavailableError):
                self.outbox.publish(
                    PresenceJob(
                        origin=connection.origin,
                        room=room,
                        id=self.new_id(),
                        joined=(connection.user,),
                    )
                )

    def left(self, origin: Origin, departures: Iterable[Departure]) -> None:
        """Tell rooms who has gone, and nobody where nobody is left."""
        by_room: dict[RoomId, list[Departure]] = {}
        for departure in departures:
            by_room.setdefault(departure.room, []).append(departure)
        for room, gone in by_room.items():
            if 0 < gone[-1].members <= PRESENCE_LIMIT:
                with suppress(UnavailableError):
                    self.outbox.publish(
                        PresenceJob(
                            origin=origin,
                            room=room,
                            id=self.new_id(),
                            left=tuple(departure.user for departure in gone),
                        )
                    )
