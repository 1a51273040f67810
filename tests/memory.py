"""The ports kept in memory: twins of the adapters, for tests of the use cases.

Each twin makes the same calls in the same order as its adapter does to AWS, and announces every
one, so that a test can let a worker die or wait between any two of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import Code, FrameError
from chalicelib.model import Epoch, Head, Member, slot
from chalicelib.posting import Reason, Report
from chalicelib.store import Departure
from chalicelib.store.port import CONNECTION_LIFE, HISTORY_LIFE, ROOMS_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.events import QueueRecord
    from chalicelib.jobs import Job
    from chalicelib.model import (
        Census,
        Connection,
        ConnectionId,
        MessageKey,
        Numbered,
        RoomId,
        Span,
    )
    from chalicelib.posting import Post


class Announce(Protocol):
    """Is told the name of every AWS call, after it has been carried out."""

    def __call__(self, call: str) -> None:
        """Take note; whatever this raises goes through to the caller of the twin."""


def silence(call: str) -> None:
    """Take no note of a call."""


@dataclass
class Room:
    """One room's items."""

    head: Head | None = None
    members: dict[ConnectionId, Connection] = field(default_factory=dict)
    messages: dict[int, tuple[Numbered, float]] = field(default_factory=dict)


class MemoryStore:
    """The store in dictionaries."""

    def __init__(self, clock: Callable[[], float], announce: Announce = silence) -> None:
        self._clock = clock
        self._announce = announce
        self._epochs = 0
        self.connections: dict[ConnectionId, Connection] = {}
        self.rooms: defaultdict[RoomId, Room] = defaultdict(Room)

    def add(self, connection: Connection) -> None:
        """See `Store.add`."""
        self.connections[connection.id] = connection
        self._announce("PutItem")

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """See `Store.connection`."""
        connection = self.connections.get(connection_id)
        self._announce("GetItem")
        return connection if connection and self._alive(connection) else None

    def join(self, connection: Connection, room: RoomId) -> Head:
        """See `Store.join`."""
        kept = self.connections.get(connection.id)
        if kept is None:
            raise FrameError(Code.UNKNOWN_CONNECTION, "Unknown.")
        if len(kept.rooms - {room}) >= ROOMS_LIMIT:
            raise FrameError(Code.TOO_MANY_ROOMS, "Too many.")
        self.connections[connection.id] = replace(kept, rooms=kept.rooms | {room})
        self._announce("UpdateItem")
        new = connection.id not in self.rooms[room].members
        self.rooms[room].members[connection.id] = connection
        self._announce("PutItem")
        return self._touch(room, int(new))

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """See `Store.leave`."""
        departure = self._remove_member(connection.id, room, always_touch=True)
        kept = self.connections.get(connection.id)
        if kept:
            self.connections[connection.id] = replace(kept, rooms=kept.rooms - {room})
        self._announce("UpdateItem")
        return departure

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """See `Store.forget`."""
        deleted = self.connections.pop(connection_id, None)
        self._announce("DeleteItem")
        rooms = {*(deleted.rooms if deleted else ()), *([room] if room else ())}
        departures = [self._remove_member(connection_id, left) for left in sorted(rooms)]
        return [departure for departure in departures if departure]

    def members(self, room: RoomId, span: Span) -> Iterator[Member]:
        """See `Store.members`."""
        connections = [one for one in self._sorted_members(room) if span.holds(one.id)]
        self._announce("Query")
        for connection in connections:
            yield Member(connection.id, connection.user, connection.protocol)

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None]:
        """See `Store.members_page`."""
        page: list[Member] = []
        place = ""
        for connection in self._sorted_members(room):
            last, place = place, _slot(connection.id)
            if after and place <= after:
                continue
            if len(page) >= limit and place != last:
                return page, last
            page.append(Member(connection.id, connection.user, connection.protocol))
        return page, None

    def head(self, room: RoomId) -> Head:
        """See `Store.head`."""
        head = self.rooms[room].head
        self._announce("GetItem")
        return head or self._new_head()

    def append(self, messages: Sequence[Numbered]) -> None:
        """See `Store.append`."""
        for message in messages:
            expires_at = self._clock() + HISTORY_LIFE
            self.rooms[message.message.room].messages[message.seq] = (message, expires_at)
        self._announce("BatchWriteItem")

    def advance(self, room: RoomId, before: Head, after: Head) -> Head | None:
        """See `Store.advance`."""
        head = self.rooms[room].head
        if head is None and before.seq == 0:
            head = before
        moved = head is None or (head.epoch, head.seq) != (before.epoch, before.seq)
        if head and not moved:
            head = replace(head, seq=after.seq, recent=after.recent)
            self.rooms[room].head = head
        self._announce("UpdateItem")
        return None if moved else head

    def mend(self, room: RoomId, census: Census, members: int) -> None:
        """See `Store.mend`."""
        kept = self.rooms[room].head
        if kept and kept.version == census.version:
            self.rooms[room].head = replace(kept, members=members)
        self._announce("UpdateItem")

    def messages(
        self, room: RoomId, epoch: Epoch, *, above: int, below: int, newest_first: bool = False
    ) -> Iterator[Numbered]:
        """See `Store.messages`."""
        kept = self.rooms[room].messages
        self._announce("Query")
        for seq in sorted(kept, reverse=newest_first):
            message, expires_at = kept[seq]
            if above < seq < below and message.epoch == epoch and expires_at > self._clock():
                yield message

    def find(self, room: RoomId, head: Head, key: MessageKey) -> int | None:
        """See `Store.find`."""
        recent = head.seq_of(key)
        if recent is not None:
            return recent
        kept = self.messages(room, head.epoch, above=0, below=head.seq + 1, newest_first=True)
        return next((message.seq for message in kept if message.message.key == key), None)

    def _remove_member(
        self, connection_id: ConnectionId, room: RoomId, *, always_touch: bool = False
    ) -> Departure | None:
        member = self.rooms[room].members.pop(connection_id, None)
        self._announce("DeleteItem")
        if member is None:
            if always_touch:
                self._touch(room, 0)
            return None
        return Departure(room, member.user, self._touch(room, -1).members)

    def _touch(self, room: RoomId, members: int) -> Head:
        head = self.rooms[room].head or self._new_head()
        head = replace(head, version=head.version + 1, members=max(head.members + members, 0))
        self.rooms[room].head = head
        self._announce("UpdateItem")
        return head

    def _new_head(self) -> Head:
        self._epochs += 1
        return Head(Epoch(f"epoch-{self._epochs}"), seq=0, recent=(), version=0, members=0)

    def _sorted_members(self, room: RoomId) -> list[Connection]:
        return sorted(
            (one for one in self.rooms[room].members.values() if self._alive(one)),
            key=lambda connection: (_slot(connection.id), connection.id),
        )

    def _alive(self, connection: Connection) -> bool:
        return connection.connected_at // 1000 + CONNECTION_LIFE > self._clock()


def _slot(connection_id: ConnectionId) -> str:
    return f"{slot(connection_id):04x}"


class MemoryOutbox:
    """An outbox that keeps what it is given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.buried: list[tuple[QueueRecord, str]] = []
        self.deleted: list[QueueRecord] = []
        self.delayed: list[tuple[QueueRecord, int]] = []

    def publish(self, job: Job) -> None:
        """See `Outbox.publish`."""
        self.jobs.append(job)

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `Outbox.publish_all`."""
        for job in jobs:
            self.publish(job)

    def bury(self, record: QueueRecord, reason: str) -> None:
        """See `Outbox.bury`."""
        self.buried.append((record, reason))

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `Outbox.delete`."""
        self.deleted += records

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """See `Outbox.delay`."""
        self.delayed += ((record, seconds) for record in records)


class MemoryPoster:
    """A poster that keeps what each connection received.

    Attributes:
        received: the frames of each connection, in order.
        ill: what happens instead to posts to a connection.
    """

    def __init__(self) -> None:
        self.received: defaultdict[ConnectionId, list[bytes]] = defaultdict(list)
        self.ill: dict[ConnectionId, Reason] = {}

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002 - never late
        """See `Poster.post`."""
        report = Report()
        for connection_id, frame in posts:
            reason = self.ill.get(connection_id)
            if reason is None:
                self.received[connection_id].append(frame)
            report.posts += 1
            report.add(connection_id, reason)
        return report
