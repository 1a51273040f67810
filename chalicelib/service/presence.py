"""Presence: tells rooms who joins and leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.core.errors import UnavailableError
from chalicelib.core.jobs import PresenceJob
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.core.model import Connection, RoomId, User
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.store import Departure
    from chalicelib.service.member_cache import MemberCount
    from chalicelib.service.runtime import Runtime


PRESENCE_LIMIT: Final = 200
"""Members up to which a room is told names; above it only the count, along with messages."""


class PresenceNotifier(Record, frozen=True):
    """Queues joins and leaves for the broadcast.

    Large rooms have none queued: their broadcasts carry the number of members. What the queue does
    not take is left out, since the next news carry the number again.
    """

    member_count: MemberCount
    job_queue: JobQueue
    runtime: Runtime

    def joined(self, connection: Connection, room: RoomId, members: int) -> None:
        """Queue a join, unless the room is large."""
        if members <= PRESENCE_LIMIT:
            self._tell(room, joined=(connection.user,))

    def left(self, departures: Iterable[Departure]) -> None:
        """Queue the leaves of each room that has members left."""
        by_room: dict[RoomId, list[Departure]] = {}
        for departure in departures:
            by_room.setdefault(departure.room, []).append(departure)
        for room, gone in by_room.items():
            if 0 < self._members(gone[-1]) <= PRESENCE_LIMIT:
                self._tell(room, left=tuple(departure.user for departure in gone))

    def _members(self, departure: Departure) -> int:
        """Return how many members a room has left; none where that can't be told now."""
        if departure.members is not None:
            return departure.members
        try:
            return self.member_count.last(departure.room)
        except UnavailableError as error:
            self.runtime.meter.swallow("count who is left", error)
            return 0

    def _tell(
        self,
        room: RoomId,
        joined: tuple[User, ...] = (),
        left: tuple[User, ...] = (),
    ) -> None:
        try:
            self.job_queue.publish(PresenceJob(room, self.runtime.new_id(), joined, left))
        except UnavailableError as error:
            self.runtime.meter.swallow("tell who came and went", error)
