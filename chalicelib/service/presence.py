"""Others learn who comes and who goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.errors import UnavailableError
from chalicelib.outbox import PresenceJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.meter import Meter
    from chalicelib.model import Connection, Origin, RoomId, User
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
    meter: Meter

    def joined(self, connection: Connection, room: RoomId, members: int) -> None:
        """Tell a room that somebody has come, which now has so many members."""
        if members <= PRESENCE_LIMIT:
            self._tell(connection.origin, room, joined=(connection.user,))

    def left(self, origin: Origin, departures: Iterable[Departure]) -> None:
        """Tell rooms who has gone, and nobody where nobody is left."""
        by_room: dict[RoomId, list[Departure]] = {}
        for departure in departures:
            by_room.setdefault(departure.room, []).append(departure)
        for room, gone in by_room.items():
            if 0 < gone[-1].members <= PRESENCE_LIMIT:
                self._tell(origin, room, left=tuple(departure.user for departure in gone))

    def _tell(
        self,
        origin: Origin,
        room: RoomId,
        joined: tuple[User, ...] = (),
        left: tuple[User, ...] = (),
    ) -> None:
        try:
            self.outbox.publish(PresenceJob(origin, room, self.new_id(), joined, left))
        except UnavailableError as error:
            self.meter.swallow("tell who came and went", error)
