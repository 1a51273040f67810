"""The ports kept in memory: twins of the adapters, for tests of the use cases.

Each twin makes the same calls in the same order as its adapter does to AWS, and announces every
one, so that a test can let a worker die or wait between any two of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from chalicelib.errors import Code, FrameError, UnavailableError
from chalicelib.jobs import encode
from chalicelib.limits import ROOMS_LIMIT
from chalicelib.model import Address, Epoch, Head, Member, Sanction, slot
from chalicelib.posting import Info, Reason, Report
from chalicelib.posting.port import Identity
from chalicelib.store import Account, Departure, Entry
from chalicelib.store.port import CONNECTION_LIFE, HISTORY_LIFE
from tests.strict_sqs import MESSAGE_BYTES

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
        UserId,
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
    sanctions: dict[tuple[UserId, Sanction], int] = field(default_factory=dict)


class MemoryLedger:
    """The books in dictionaries."""

    def __init__(self, clock: Callable[[], float], announce: Announce) -> None:
        self._clock = clock
        self._announce = announce
        self.connections: dict[ConnectionId, Connection] = {}
        self.addresses: dict[tuple[UserId, ConnectionId], Connection] = {}
        self._paid: dict[str, int] = {}
        self._answered: dict[ConnectionId, int] = {}
        self._barred: dict[UserId, int] = {}
        self._asked: dict[UserId, int] = {}

    def admit(self, connection_id: ConnectionId, price: int, start: int) -> Entry | None:
        """See `Ledger.admit`."""
        connection = self.connections.get(connection_id)
        if connection:
            self._paid[connection_id] = self._paid.get(connection_id, start) + price
        paid = self._paid.get(connection_id, 0)
        self._announce("UpdateItem")
        if connection is None or not self._alive(connection):
            return None
        return Entry(connection, paid, self._answered.get(connection_id, 0))

    def charge(self, user_id: UserId, price: int, start: int) -> int:
        """See `Ledger.charge`."""
        self._paid[user_id] = paid = self._paid.get(user_id, start) + price
        self._announce("UpdateItem")
        return paid

    def settle(self, connection_id: ConnectionId, paid: int) -> None:
        """See `Ledger.settle`."""
        self._settle(connection_id, paid)

    def settle_user(self, user_id: UserId, paid: int) -> None:
        """See `Ledger.settle_user`."""
        self._settle(user_id, paid)

    def claim(self, connection_id: ConnectionId, answered: int, now: int) -> bool:
        """See `Ledger.claim`."""
        known = connection_id in self.connections
        ours = known and self._answered.get(connection_id, answered) == answered
        if ours:
            self._answered[connection_id] = now
        self._announce("UpdateItem")
        return ours

    def account(self, user_id: UserId) -> Account:
        """See `Ledger.account`."""
        addresses = [
            Address(connection.id, connection.origin, connection.connected_at)
            for (user, _), connection in self.addresses.items()
            if user == user_id and self._alive(connection)
        ]
        self._announce("Query")
        asked_at = self._asked.get(user_id, 0)
        return Account(tuple(addresses), self._barred.get(user_id, 0), asked_at)

    def claim_inquiry(self, user_id: UserId, asked_at: int, now: int) -> bool:
        """See `Ledger.claim_inquiry`."""
        ours = self._asked.get(user_id, asked_at) == asked_at
        if ours:
            self._asked[user_id] = now
        self._announce("UpdateItem")
        return ours

    def bar(self, user_id: UserId, until: int) -> None:
        """See `Ledger.bar`."""
        self._barred[user_id] = until
        self._announce("UpdateItem")

    def _settle(self, owner: str, paid: int) -> None:
        if owner in self._paid:
            self._paid[owner] = max(self._paid[owner], paid)
        self._announce("UpdateItem")

    def _alive(self, connection: Connection) -> bool:
        return connection.connected_at // 1000 + CONNECTION_LIFE > self._clock()


class MemoryStore(MemoryLedger):
    """The store in dictionaries."""

    def __init__(
        self,
        clock: Callable[[], float],
        announce: Announce = silence,
        rooms_limit: int = ROOMS_LIMIT,
    ) -> None:
        super().__init__(clock, announce)
        self._rooms_limit = rooms_limit
        self._epochs = 0
        self.rooms: defaultdict[RoomId, Room] = defaultdict(Room)

    def add(self, connection: Connection) -> None:
        """See `Store.add`."""
        self.connections[connection.id] = connection
        self.addresses[connection.user.user_id, connection.id] = connection
        self._announce("BatchWriteItem")

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
        if len(kept.rooms - {room}) >= self._rooms_limit:
            raise FrameError(Code.TOO_MANY_ROOMS, "Too many.")
        self.connections[connection.id] = replace(kept, rooms=kept.rooms | {room})
        self._announce("UpdateItem")
        new = connection.id not in self.rooms[room].members
        self.rooms[room].members[connection.id] = connection
        self._announce("PutItem")
        return self._touch(room, int(new))

    def renew(self, connection: Connection) -> None:
        """See `Store.renew`."""
        kept = self.connections.get(connection.id)
        if kept:
            self.connections[connection.id] = replace(
                kept, rights=connection.rights, until=connection.until
            )
        self._announce("UpdateItem")
        for room in sorted(connection.rooms):
            self.extend(connection, room)

    def extend(self, connection: Connection, room: RoomId) -> None:
        """See `Store.extend`."""
        members = self.rooms[room].members
        if connection.id in members:
            members[connection.id] = replace(members[connection.id], until=connection.until)
        self._announce("UpdateItem")

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """See `Store.leave`."""
        departure = self._remove_member(connection.id, room, always_touch=True)
        kept = self.connections.get(connection.id)
        if kept:
            muted = {one: until for one, until in kept.muted.items() if one != room}
            self.connections[connection.id] = replace(kept, rooms=kept.rooms - {room}, muted=muted)
        self._announce("UpdateItem")
        return departure

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """See `Store.forget`."""
        deleted = self.connections.pop(connection_id, None)
        self._announce("DeleteItem")
        rooms = {*(deleted.rooms if deleted else ()), *([room] if room else ())}
        departures = [self._remove_member(connection_id, left) for left in sorted(rooms)]
        if deleted:
            self._paid.pop(connection_id, None)
            self._answered.pop(connection_id, None)
            self.addresses.pop((deleted.user.user_id, connection_id), None)
            self._announce("DeleteItem")
        return [departure for departure in departures if departure]

    def members(self, room: RoomId, span: Span) -> Iterator[Member]:
        """See `Store.members`."""
        connections = [one for one in self._sorted_members(room) if span.holds(one.id)]
        self._announce("Query")
        for connection in connections:
            yield _member(connection)

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
            page.append(_member(connection))
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

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """See `Store.erase`."""
        kept = self.rooms[room].messages
        numbered, expires_at = kept.get(seq, (None, 0.0))
        if numbered and numbered.epoch == epoch and numbered.message.type == "chat":
            erased = replace(numbered.message, text="", type="deleted")
            kept[seq] = (replace(numbered, message=erased), expires_at)
        self._announce("UpdateItem")

    def sanction(self, room: RoomId, user_id: UserId, sanction: Sanction, until: int) -> None:
        """See `Register.sanction`."""
        self.rooms[room].sanctions[user_id, sanction] = until
        self._announce("PutItem")

    def sanctions(self, room: RoomId, user_id: UserId) -> dict[Sanction, int]:
        """See `Register.sanctions`."""
        laid = self.rooms[room].sanctions
        found = {one: laid.get((user_id, one), 0) for one in Sanction}
        self._announce("Query")
        return {one: until for one, until in found.items() if until > self._clock()}

    def mute(self, connection_id: ConnectionId, room: RoomId, until: int) -> None:
        """See `Register.mute`."""
        kept = self.connections.get(connection_id)
        if kept and room in kept.rooms:
            muted = {**kept.muted, room: until}
            self.connections[connection_id] = replace(kept, muted=muted)
        self._announce("UpdateItem")

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


def _member(connection: Connection) -> Member:
    return Member(connection.id, connection.user, connection.protocol, connection.until)


def _slot(connection_id: ConnectionId) -> str:
    return f"{slot(connection_id):04x}"


class MemoryOutbox:
    """An outbox that keeps what it is given, if SQS would take it."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.buried: list[tuple[QueueRecord, str]] = []
        self.deleted: list[QueueRecord] = []
        self.delayed: list[tuple[QueueRecord, int]] = []

    def publish(self, job: Job) -> None:
        """See `Outbox.publish`."""
        if len(encode(job).encode()) > MESSAGE_BYTES:
            raise UnavailableError(f"The queue did not take a job: {job.id} is too long.")
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
        self.closed: list[ConnectionId] = []

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

    def close(self, connection_id: ConnectionId, deadline: float) -> Reason | None:  # noqa: ARG002 - never late
        """See `Manager.close`."""
        self.closed.append(connection_id)
        return self.ill.get(connection_id)

    def info(self, connection_id: ConnectionId, deadline: float) -> Info | Reason:  # noqa: ARG002 - never late
        """See `Manager.info`."""
        then = datetime.fromtimestamp(0, UTC)
        return self.ill.get(connection_id) or Info(then, then, Identity("127.0.0.1"))
