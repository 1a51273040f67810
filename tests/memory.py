"""The ports kept in memory: twins of the adapters, for tests of the use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.model import Member
from chalicelib.posting import Reason, Report
from chalicelib.store import CONNECTION_LIFE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from chalicelib.model import Connection, ConnectionId, RoomId
    from chalicelib.outbox import Job
    from chalicelib.posting import Post


class MemoryStore:
    """The store in two dictionaries."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._connections: dict[ConnectionId, Connection] = {}
        self._members: dict[RoomId, dict[ConnectionId, Connection]] = {}

    def add(self, connection: Connection) -> None:
        """See `Store.add`."""
        self._connections[connection.id] = connection
        for room in connection.rooms:
            self._members.setdefault(room, {})[connection.id] = connection

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """See `Store.connection`."""
        connection = self._connections.get(connection_id)
        return connection if connection and self._alive(connection) else None

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> None:
        """See `Store.forget`."""
        deleted = self._connections.pop(connection_id, None)
        for left in {*(deleted.rooms if deleted else ()), *([room] if room else ())}:
            self._members.get(left, {}).pop(connection_id, None)

    def members(self, room: RoomId) -> Iterator[Member]:
        """See `Store.members`."""
        for connection in list(self._members.get(room, {}).values()):
            if self._alive(connection):
                yield Member(connection.id, connection.user_id, connection.username)

    def _alive(self, connection: Connection) -> bool:
        return connection.connected_at // 1000 + CONNECTION_LIFE > self._clock()


class MemoryOutbox:
    """An outbox that keeps its jobs."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def publish(self, job: Job) -> None:
        """See `Outbox.publish`."""
        self.jobs.append(job)


class MemoryPoster:
    """A poster that keeps what each connection received.

    Attributes:
        received: the frames of each connection, in order.
        ill: what happens instead to posts to a connection.
    """

    def __init__(self) -> None:
        self.received: dict[ConnectionId, list[bytes]] = {}
        self.ill: dict[ConnectionId, Reason] = {}

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002 - never late
        """See `Poster.post`."""
        report = Report()
        for connection_id, frame in posts:
            reason = self.ill.get(connection_id)
            if reason is None:
                self.received.setdefault(connection_id, []).append(frame)
            report.posts += 1
            report.add(connection_id, reason)
        return report
