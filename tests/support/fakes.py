"""The ports kept in memory: twins of the adapters, for tests of the use cases.

Each twin makes the same calls in the same order as its adapter does to AWS, and announces every
one, so that a test can let a worker die or wait between any two of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from msgspec.structs import replace

from chalicelib.core import history
from chalicelib.core.errors import Code, FrameError, UnavailableError
from chalicelib.core.jobs import QueueDepth, encode
from chalicelib.core.limits import ROOMS_LIMIT
from chalicelib.core.model import Address, Epoch, Member, RoomHead, Sanction, room_digest, slot
from chalicelib.core.ports.poster import ClientIdentity, ConnectionInfo, Reason, Report
from chalicelib.core.ports.rate_limits import Account, Charge
from chalicelib.core.ports.store import CONNECTION_LIFE, HISTORY_LIFE, Departure, MeteredRead
from chalicelib.core.ports.traces import MembershipTrace
from chalicelib.core.shards import CAPACITY, WHOLE, ShardState, next_level, shard_of
from tests.support.strict_sqs import MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from chalicelib.core.events import QueueRecord
    from chalicelib.core.jobs import Job
    from chalicelib.core.model import (
        Connection,
        ConnectionId,
        MessageKey,
        RoomId,
        SequencedMessage,
        SlotRange,
        UserId,
        Wait,
    )
    from chalicelib.core.ports.poster import Post
    from chalicelib.core.ports.traces import Trace
    from chalicelib.core.shards import Shard


class Announce(Protocol):
    """Is told the name of every AWS call, after it has been carried out."""

    def __call__(self, call: str) -> None:
        """Take note; whatever this raises goes through to the caller of the twin."""


def silence(call: str) -> None:
    """Take no note of a call."""


@dataclass
class Room:
    """One room's items."""

    head: RoomHead | None = None
    members: dict[tuple[int, ConnectionId], Connection] = field(default_factory=dict)
    shards: dict[Shard, ShardState] = field(default_factory=dict)
    messages: dict[int, tuple[SequencedMessage, float]] = field(default_factory=dict)
    keys: dict[MessageKey, tuple[Epoch, int]] = field(default_factory=dict)
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

    def admit(self, connection_id: ConnectionId, price: int, start: int) -> Charge | None:
        """See `RateLimitStore.admit`."""
        connection = self.connections.get(connection_id)
        if connection:
            self._paid[connection_id] = self._paid.get(connection_id, start) + price
        arrival_time = self._paid.get(connection_id, 0)
        self._announce("UpdateItem")
        if connection is None or not self._alive(connection):
            return None
        return Charge(connection, arrival_time, self._answered.get(connection_id, 0))

    def charge(self, user_id: UserId, price: int, start: int) -> int:
        """See `RateLimitStore.charge`."""
        self._paid[user_id] = arrival_time = self._paid.get(user_id, start) + price
        self._announce("UpdateItem")
        return arrival_time

    def raise_arrival_time(self, connection_id: ConnectionId, arrival_time: int) -> None:
        """See `RateLimitStore.raise_arrival_time`."""
        self._settle(connection_id, arrival_time)

    def raise_user_arrival_time(self, user_id: UserId, arrival_time: int) -> None:
        """See `RateLimitStore.raise_user_arrival_time`."""
        self._settle(user_id, arrival_time)

    def claim_refusal(self, connection_id: ConnectionId, answered: int, now: int) -> bool:
        """See `RateLimitStore.claim_refusal`."""
        known = connection_id in self.connections
        ours = known and self._answered.get(connection_id, answered) == answered
        if ours:
            self._answered[connection_id] = now
        self._announce("UpdateItem")
        return ours

    def account(self, user_id: UserId) -> Account:
        """See `RateLimitStore.account`."""
        addresses = [
            Address(connection.id, connection.api_stage, connection.connected_at)
            for (user, _), connection in self.addresses.items()
            if user == user_id and self._alive(connection)
        ]
        self._announce("Query")
        asked_at = self._asked.get(user_id, 0)
        return Account(tuple(addresses), self._barred.get(user_id, 0), asked_at)

    def claim_inquiry(self, user_id: UserId, asked_at: int, now: int) -> bool:
        """See `RateLimitStore.claim_inquiry`."""
        ours = self._asked.get(user_id, asked_at) == asked_at
        if ours:
            self._asked[user_id] = now
        self._announce("UpdateItem")
        return ours

    def block_user(self, user_id: UserId, until: int) -> None:
        """See `RateLimitStore.block_user`."""
        self._barred[user_id] = until
        self._announce("UpdateItem")

    def forget_account(self, user_id: UserId) -> bool:
        """Forget what is kept of a user itself; return whether there was anything."""
        books: tuple[dict[Any, int], ...] = (self._paid, self._barred, self._asked)
        kept = [book.pop(user_id, None) for book in books]
        return any(one is not None for one in kept)

    def _settle(self, owner: str, arrival_time: int) -> None:
        if owner in self._paid:
            self._paid[owner] = max(self._paid[owner], arrival_time)
        self._announce("UpdateItem")

    def _alive(self, connection: Connection) -> bool:
        return connection.connected_at // 1000 + CONNECTION_LIFE > self._clock()


class MemoryStore(MemoryLedger):
    """The store in dictionaries.

    Attributes:
        known: the levels of rooms, as far as this container has learned them.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        announce: Announce = silence,
        rooms_limit: int = ROOMS_LIMIT,
        capacity: Sequence[int] = CAPACITY,
    ) -> None:
        super().__init__(clock, announce)
        self._rooms_limit = rooms_limit
        self._capacity = capacity
        self._epochs = 0
        self.rooms: defaultdict[RoomId, Room] = defaultdict(Room)
        self.places: dict[tuple[ConnectionId, RoomId, int], int] = {}
        self.known: dict[RoomId, int] = {}

    def share(self, other: MemoryStore) -> None:
        """Look at what another store keeps, and write there."""
        for name in ("connections", "addresses", "rooms", "places", "_paid", "_answered"):
            setattr(self, name, getattr(other, name))

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

    def join(
        self, connection: Connection, room: RoomId, muted_until: int | None = None
    ) -> tuple[Connection, RoomHead]:
        """See `Store.join`."""
        kept = self.rooms[room]
        if room in connection.rooms:
            head, member = kept.head, self._level_of(connection.id, room)
            self._announce("BatchGetItem")
            if head and member is not None:
                return connection, head
        elif len(connection.rooms) >= self._rooms_limit:
            raise FrameError(Code.TOO_MANY_ROOMS, "Too many.")
        while True:
            head = self._enter(connection, room)
            try:
                joined = self._let_speak(connection, room, muted_until)
            except FrameError:
                self._take_out(connection.id, room)
                raise
            if joined.leaves == connection.leaves:
                return joined, head
            connection = joined

    def _enter(self, connection: Connection, room: RoomId) -> RoomHead:
        kept, level = self.rooms[room], self.known.get(room, 0)
        self.places[connection.id, room, level] = connection.leaves
        kept.members[level, connection.id] = connection
        self._announce("BatchWriteItem")
        shard = shard_of(connection.id, level)
        self._change(room, shard, [connection.id], 1)
        head = kept.head or self._new_head()
        if level:
            self._announce("GetItem")
        count = kept.shards[shard].members if level else head.members
        higher = next_level(level, count, self._capacity)
        if higher and kept.head and kept.head.level < higher:
            head = kept.head = replace(kept.head, level=higher)
            self._announce("UpdateItem")
        self.known[room] = kept.head.level if kept.head else 0
        return head

    def renew(self, connection: Connection) -> list[RoomId]:
        """See `Store.renew`."""
        kept = self.connections.get(connection.id)
        if kept:
            self.connections[connection.id] = replace(
                kept, rights=connection.rights, until=connection.until
            )
        self._announce("UpdateItem")
        return sorted(self._places(connection.id))

    def extend(self, connection: Connection, room: RoomId) -> None:
        """See `Store.extend`."""
        members = self.rooms[room].members
        for level in self._places(connection.id, room).get(room, ()):
            kept = members.get((level, connection.id))
            if kept:
                members[level, connection.id] = replace(kept, until=connection.until)
            self._announce("UpdateItem")

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """See `Store.leave`."""
        if room not in connection.rooms and not self._places(connection.id, room):
            return None
        return self._take_out(connection.id, room)

    def _take_out(self, connection_id: ConnectionId, room: RoomId) -> Departure | None:
        leaves = None
        kept = self.connections.get(connection_id)
        if kept:
            leaves = kept.leaves + 1
            digests = kept.digests - {room_digest(kept.id, room)}
            self.connections[connection_id] = replace(kept, digests=digests, leaves=leaves)
        self._announce("UpdateItem")
        places = self._places(connection_id, room) or {room: range(self.head(room).level + 1)}
        departures = self._leave(connection_id, places, leaves, always_change=True)
        for level in places[room]:
            place = (connection_id, room, level)
            if leaves is None or self.places.get(place, 0) < leaves:
                self.places.pop(place, None)
            self._announce("DeleteItem")
        return next(iter(departures), None)

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """See `Store.forget`."""
        deleted = self.connections.pop(connection_id, None)
        self._announce("DeleteItem")
        places = self._places(connection_id)
        known = {} if room is None or room in places else {room: range(self.head(room).level + 1)}
        departures = self._leave(connection_id, {**places, **known})
        self._forget_books(connection_id)
        if deleted:
            self.addresses.pop((deleted.user.user_id, connection_id), None)
        if deleted or places:
            self._forget_places(connection_id, places)
        return departures

    def forget_all(self, members: Sequence[Member], room: RoomId, level: int) -> list[Departure]:
        """See `Store.forget_all`."""
        for member in members:
            self.connections.pop(member.id, None)
        self._announce("BatchWriteItem")
        left: list[tuple[Member, RoomId]] = []
        changed: defaultdict[tuple[RoomId, Shard], Counter[ConnectionId]] = defaultdict(Counter)
        gone: list[tuple[RoomId, int, ConnectionId]] = []
        noted: set[tuple[ConnectionId, RoomId, int]] = set()
        for member in members:
            places = self._places(member.id)
            noted |= {(member.id, one, at) for one, levels in places.items() for at in levels}
            for one, levels in {room: range(level + 1), **places}.items():
                gone += ((one, at, member.id) for at in levels)
                for at in levels:
                    changed[one, shard_of(member.id, at)][member.id] -= one in places
            left += ((member, one) for one in places)
        for one, at, connection_id in gone:
            self.rooms[one].members.pop((at, connection_id), None)
        for member in members:
            self._forget_books(member.id)
            self.addresses.pop((member.user.user_id, member.id), None)
        for place in noted:
            self.places.pop(place, None)
        self._announce("BatchWriteItem")
        counts = {
            one: self._change(one, shard, ids, ids.total())
            for (one, shard), ids in sorted(changed.items())
        }
        return [Departure(one, member.user, counts[one]) for member, one in left]

    def members(self, room: RoomId, shard: Shard, slots: SlotRange) -> Iterator[Member]:
        """See `Store.members`."""
        connections = [
            one
            for (level, _), one in self._sorted_members(room)
            if level == shard.level and shard.slots.holds(one.id) and slots.holds(one.id)
        ]
        self._announce("Query")
        for connection in connections:
            yield _member(connection)

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None, int]:
        """See `Store.members_page`."""
        page: dict[ConnectionId, Member] = {}
        place = ""
        for _, connection in self._sorted_members(room):
            last, place = place, _slot(connection.id)
            if after and place <= after:
                continue
            if len(page) >= limit and place != last:
                return list(page.values()), last, 2
            page[connection.id] = _member(connection)
        return list(page.values()), None, 2

    def shards(
        self,
        room: RoomId,
        shards: Sequence[Shard],
        *,
        consistent: bool = True,  # noqa: ARG002 - here every read is
    ) -> dict[Shard, ShardState]:
        """See `Store.shards`."""
        kept = self.rooms[room].shards
        states = {shard: kept[shard] for shard in shards if shard in kept}
        self._announce("BatchGetItem")
        return states

    def count(self, room: RoomId, shard: Shard) -> int:
        """See `Store.count`."""
        return sum(1 for _ in self.members(room, shard, shard.slots))

    def repair_member_count(self, room: RoomId, shard: Shard, state: ShardState) -> None:
        """See `Store.repair_member_count`."""
        kept = self.rooms[room]
        if shard == WHOLE:
            if kept.head and kept.head.version == state.version:
                kept.head = replace(kept.head, members=state.members)
        elif shard in kept.shards and kept.shards[shard].version == state.version:
            kept.shards[shard] = replace(kept.shards[shard], members=state.members)
        self._announce("UpdateItem")

    def head(self, room: RoomId, *, consistent: bool = True) -> RoomHead:  # noqa: ARG002 - always is
        """See `Store.head`."""
        head = self.rooms[room].head
        self._announce("GetItem")
        return head or self._new_head()

    def numbers(
        self, room: RoomId, keys: Collection[MessageKey]
    ) -> tuple[RoomHead, dict[MessageKey, int]]:
        """See `Store.numbers`."""
        kept = self.rooms[room]
        head = kept.head or self._new_head()
        noted = {key: kept.keys[key] for key in keys if key in kept.keys}
        self._announce("BatchGetItem")
        found = {
            key: seq
            for key, (epoch, seq) in noted.items()
            if epoch == head.epoch and seq <= head.seq
        }
        if not found:
            return head, {}
        confirmed = {
            key: seq
            for key, seq in found.items()
            if kept.messages[seq][0].epoch == head.epoch
            and kept.messages[seq][0].message.key == key
            and kept.messages[seq][1] > self._clock()
        }
        self._announce("BatchGetItem")
        return head, confirmed

    def append(self, messages: Sequence[SequencedMessage]) -> None:
        """See `Store.append`."""
        for message in messages:
            expires_at = self._clock() + HISTORY_LIFE
            room = self.rooms[message.message.room]
            kept = replace(message, message=replace(message.message, api_stage=None))
            room.messages[message.seq] = (kept, expires_at)
            room.keys[message.message.key] = (message.epoch, message.seq)
        self._announce("BatchWriteItem")

    def advance(self, room: RoomId, before: RoomHead, after: RoomHead) -> RoomHead | None:
        """See `Store.advance`."""
        head = self.rooms[room].head
        if head is None and before.seq == 0:
            head = before
        moved = head is None or (head.epoch, head.seq) != (before.epoch, before.seq)
        if head and not moved:
            head = replace(head, seq=after.seq, numbering=after.numbering)
            self.rooms[room].head = head
        self._announce("UpdateItem")
        return None if moved else head

    def note_signals(self, room: RoomId, wait: Wait) -> None:
        """See `Store.note_signals`."""
        kept = self.rooms[room].head
        if kept:
            self.rooms[room].head = replace(kept, signalling=wait)
        self._announce("UpdateItem")

    def messages(
        self,
        room: RoomId,
        epoch: Epoch,
        *,
        above: int,
        below: int,
        limit: int,
        newest_first: bool = False,
    ) -> MeteredRead[SequencedMessage]:
        """See `Store.messages`."""
        return MeteredRead(self._pages(room, epoch, above, below, limit, newest_first=newest_first))

    def _pages(
        self, room: RoomId, epoch: Epoch, above: int, below: int, limit: int, *, newest_first: bool
    ) -> Iterator[tuple[list[SequencedMessage], int]]:
        kept = self.rooms[room].messages
        found = [
            message
            for seq, (message, expires_at) in sorted(kept.items(), reverse=newest_first)
            if above < seq < below and message.epoch == epoch and expires_at > self._clock()
        ]
        self._announce("Query")
        yield found[:limit], 1

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """See `Store.erase`."""
        kept = self.rooms[room].messages
        numbered, expires_at = kept.get(seq, (None, 0.0))
        if numbered and numbered.epoch == epoch and numbered.message.type == "chat":
            erased = replace(numbered.message, text="", type="deleted")
            kept[seq] = (replace(numbered, message=erased), expires_at)
        self._announce("UpdateItem")

    def sanction(self, room: RoomId, user_id: UserId, sanction: Sanction, until: int) -> None:
        """See `SanctionStore.sanction`."""
        self.rooms[room].sanctions[user_id, sanction] = until
        self._announce("PutItem")

    def sanctions(self, room: RoomId, user_id: UserId) -> dict[Sanction, int]:
        """See `SanctionStore.sanctions`."""
        laid = self.rooms[room].sanctions
        found = {one: laid.get((user_id, one), 0) for one in Sanction}
        self._announce("Query")
        return {one: until for one, until in found.items() if until > self._clock()}

    def mute(self, connection_id: ConnectionId, room: RoomId, until: int) -> None:
        """See `SanctionStore.mute`."""
        kept = self.connections.get(connection_id)
        mutes = {**kept.mutes, room_digest(connection_id, room): until} if kept else {}
        if kept:
            self.connections[connection_id] = replace(kept, mutes=mutes)
        self._announce("UpdateItem")
        ended = {one: end for one, end in mutes.items() if end <= self._clock()}
        if ended:
            self._remove_mutes(connection_id, ended)

    def _remove_mutes(self, connection_id: ConnectionId, ended: Mapping[bytes, int]) -> None:
        kept = self.connections.get(connection_id)
        if kept and ended.items() <= kept.mutes.items():
            mutes = {one: end for one, end in kept.mutes.items() if one not in ended}
            self.connections[connection_id] = replace(kept, mutes=mutes)
        self._announce("UpdateItem")

    def _let_speak(
        self, connection: Connection, room: RoomId, muted_until: int | None
    ) -> Connection:
        kept = self.connections.get(connection.id)
        refusal = None
        if kept is None:
            refusal = FrameError(Code.UNKNOWN_CONNECTION, "Unknown.")
        elif kept.leaves != connection.leaves:
            pass
        elif room not in kept.rooms and len(kept.rooms) >= self._rooms_limit:
            refusal = FrameError(Code.TOO_MANY_ROOMS, "Too many.")
        else:
            digest = room_digest(kept.id, room)
            mutes = {} if muted_until is None else {digest: muted_until}
            kept = replace(kept, digests=kept.digests | {digest}, mutes={**kept.mutes, **mutes})
            self.connections[connection.id] = kept
        self._announce("UpdateItem")
        if kept is None or refusal:
            raise refusal or AssertionError
        return kept

    def _leave(
        self,
        connection_id: ConnectionId,
        places: Mapping[RoomId, Iterable[int]],
        leaves: int | None = None,
        *,
        always_change: bool = False,
    ) -> list[Departure]:
        departures: dict[RoomId, Departure] = {}
        for room, levels in sorted(places.items()):
            for level in levels:
                members = self.rooms[room].members
                member = members.get((level, connection_id))
                if member and leaves is not None and member.leaves >= leaves:
                    member = None
                else:
                    members.pop((level, connection_id), None)
                self._announce("DeleteItem")
                shard = shard_of(connection_id, level)
                if member:
                    left = self._change(room, shard, [connection_id], -1)
                    departures[room] = Departure(room, member.user, left)
                elif always_change:
                    self._change(room, shard, [connection_id], 0)
        return list(departures.values())

    def _change(
        self, room: RoomId, shard: Shard, ids: Iterable[ConnectionId], members: int
    ) -> int | None:
        kept = self.rooms[room]
        if shard != WHOLE:
            state = kept.shards.get(shard, ShardState())
            count = max(state.members + members, 0)
            changed = {shard.part_of(one) for one in ids}
            parts = (version + (part in changed) for part, version in enumerate(state.parts))
            kept.shards[shard] = ShardState(state.version + 1, count, tuple(parts))
            self._announce("UpdateItem")
            return None
        head = kept.head or self._new_head()
        head = replace(head, version=head.version + 1, members=max(head.members + members, 0))
        kept.head = head
        self._announce("UpdateItem")
        return head.members if head.level == 0 else None

    def _forget_books(self, connection_id: ConnectionId) -> None:
        self._paid.pop(connection_id, None)
        self._answered.pop(connection_id, None)

    def _forget_places(
        self, connection_id: ConnectionId, places: Mapping[RoomId, Iterable[int]]
    ) -> None:
        for room, levels in places.items():
            for level in levels:
                self.places.pop((connection_id, room, level), None)
        self._announce("BatchWriteItem")

    def _places(
        self, connection_id: ConnectionId, room: RoomId | None = None
    ) -> dict[RoomId, Sequence[int]]:
        places: defaultdict[RoomId, list[int]] = defaultdict(list)
        for one, noted, level in sorted(self.places):
            if one == connection_id and room in (None, noted):
                places[noted].append(level)
        self._announce("Query")
        return dict(places)

    def _level_of(self, connection_id: ConnectionId, room: RoomId) -> int | None:
        levels = (level for level, one in self.rooms[room].members if one == connection_id)
        return next(levels, None)

    def _new_head(self) -> RoomHead:
        self._epochs += 1
        return RoomHead(Epoch(f"epoch-{self._epochs}"))

    def _sorted_members(self, room: RoomId) -> list[tuple[tuple[int, ConnectionId], Connection]]:
        return sorted(
            (one for one in self.rooms[room].members.items() if self._alive(one[1])),
            key=lambda one: (_slot(one[1].id), one[1].id),
        )


def _member(connection: Connection) -> Member:
    return Member(
        connection.id,
        connection.user,
        connection.protocol,
        connection.api_stage,
        connection.connected_at,
        connection.until,
    )


def _slot(connection_id: ConnectionId) -> str:
    return f"{slot(connection_id):04x}"


class MemoryTraces:
    """Traces of a user in a store of dictionaries."""

    def __init__(self, store: MemoryStore, announce: Announce = silence) -> None:
        self._store = store
        self._announce = announce

    def entries(self, user_id: UserId) -> list[Address]:
        """See `TraceStore.entries`."""
        listed = [
            Address(connection.id, connection.api_stage, connection.connected_at)
            for (user, _), connection in self._store.addresses.items()
            if user == user_id
        ]
        self._announce("Query")
        return listed

    def drop(self, user_id: UserId, entries: Sequence[Address]) -> int:
        """See `TraceStore.drop`."""
        there = int(self._store.forget_account(user_id))
        self._announce("DeleteItem")
        for entry in entries:
            there += self._store.addresses.pop((user_id, entry.id), None) is not None
            self._announce("DeleteItem")
        return there

    def find(self, user_id: UserId) -> Iterator[Trace]:
        """See `TraceStore.find`.

        A page for each room and kind, messages first, so that what comes meanwhile is overlooked.
        """
        for kept in list(self._store.rooms.values()):
            yield from [
                one
                for one, _ in kept.messages.values()
                if one.message.user.user_id == user_id
                and history.erased(one.message) != one.message
            ]
            self._announce("Scan")
        yield from [one for one in self._store.connections.values() if one.user.user_id == user_id]
        self._announce("Scan")
        yield from [
            MembershipTrace(_member(one), room, level)
            for room, kept in self._store.rooms.items()
            for (level, _), one in kept.members.items()
            if one.user.user_id == user_id
        ]
        self._announce("Scan")

    def erase(self, numbered: SequencedMessage) -> bool:
        """See `TraceStore.erase`."""
        message = numbered.message
        messages = self._store.rooms[message.room].messages
        kept, expires_at = messages.get(numbered.seq, (None, 0.0))
        same = False
        if kept and (kept.epoch, kept.message.key) == (numbered.epoch, message.key):
            same = True
            messages[numbered.seq] = (
                replace(numbered, message=history.erased(message)),
                expires_at,
            )
        self._announce("UpdateItem")
        return same


class MemoryJobQueue:
    """a job queue that keeps what it is given, if SQS would take it."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.buried: list[tuple[QueueRecord, str]] = []
        self.deleted: list[QueueRecord] = []
        self.delayed: list[tuple[QueueRecord, int]] = []

    def publish(self, job: Job) -> None:
        """See `JobQueue.publish`."""
        if len(encode(job).encode()) > MESSAGE_BYTES:
            raise UnavailableError(f"The queue did not take a job: {job.id} is too long.")
        self.jobs.append(job)

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue.publish_all`."""
        for job in jobs:
            self.publish(job)

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """See `JobQueue.dead_letter`."""
        self.buried.append((record, reason))

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `JobQueue.delete`."""
        self.deleted += records

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """See `JobQueue.delay`."""
        self.delayed += ((record, seconds) for record in records)

    def waiting(self) -> QueueDepth:
        """See `JobQueue.waiting`."""
        return QueueDepth(len(self.jobs), len(self.buried))


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

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:  # noqa: ARG002 - never late
        """See `Manager.info`."""
        then = datetime.fromtimestamp(0, UTC)
        return self.ill.get(connection_id) or ConnectionInfo(
            then, then, ClientIdentity("127.0.0.1")
        )
