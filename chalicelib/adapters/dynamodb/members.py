"""Members of rooms in the DynamoDB table: join, leave, and forget.

The order of the writes is what makes them safe; docs/architecture.md has the proof.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from chalicelib.adapters.dynamodb.calls import ConditionFailedError, number
from chalicelib.adapters.dynamodb.items import (
    connection_expiry,
    connection_key,
    end,
    head_key,
    member_item,
    member_key,
    muted_attribute,
    place_key,
    read_connection,
    read_place,
    read_user,
    user_connection_key,
)
from chalicelib.adapters.dynamodb.rooms import head_among
from chalicelib.adapters.dynamodb.shards import DynamoShards
from chalicelib.core.errors import Code, FrameError, unknown_connection
from chalicelib.core.model import room_digest
from chalicelib.core.ports.store import Departure
from chalicelib.core.recent import Recent
from chalicelib.core.shards import next_level, shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

    from chalicelib.adapters.dynamodb.items import Item
    from chalicelib.core.model import Connection, ConnectionId, Member, RoomHead, RoomId
    from chalicelib.core.shards import Shard

LEVELS_KEPT: Final = 10_000
"""Large rooms whose level a container remembers."""


class DynamoMembers(DynamoShards):
    """Members, each in its shard, and noted with its connection by name and by digest."""

    def __init__(self, rooms_limit: int, capacity: Sequence[int]) -> None:
        self._rooms_limit = rooms_limit
        self._capacity = capacity
        self._lock = threading.Lock()
        self._levels: Recent[RoomId, int] = Recent(LEVELS_KEPT)

    def join(
        self, connection: Connection, room: RoomId, muted_until: int | None = None
    ) -> tuple[Connection, RoomHead]:
        """See `Store.join`."""
        if room in connection.rooms:
            head = self._confirmed(connection, room)
            if head:
                return connection, head
        elif len(connection.rooms) >= self._rooms_limit:
            raise self._too_many_rooms()
        while True:
            level = self._level(room)
            head = self._enter(connection, room, level)
            if head.level < level:
                # A head that was made anew knows of no shards: nobody would look there.
                head = self._enter(connection, room, head.level)
            self._learn_level(room, head.level)
            try:
                joined = self._let_speak(connection, room, muted_until)
            except FrameError:
                self._take_out(connection.id, room)
                raise
            if joined.leaves == connection.leaves:
                return joined, head
            connection = joined

    def extend(self, connection: Connection, room: RoomId) -> None:
        """See `Store.extend`."""
        for level in self._places(connection.id, room).get(room, ()):
            self._set(member_key(room, connection.id, level), end(connection))

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """See `Store.leave`.

        The place goes last, so that a leave that died may be asked for again. The version changes
        even if the member is gone already: the one that deleted it may have died before that.
        """
        if room not in connection.rooms and not self._places(connection.id, room):
            return None
        return self._take_out(connection.id, room)

    def _take_out(self, connection_id: ConnectionId, room: RoomId) -> Departure | None:
        """Take a connection out of a room, but for a join that begins after the first write.

        That write counts the leave. A join that began before it either has made its last write,
        and then all that it wrote is found here; or it will see the count, and begin again. What
        one that began later has written bears a count that is not lower, and stays.
        """
        leaves = self._unlist(connection_id, room)
        places = self._places(connection_id, room) or {room: range(self.head(room).level + 1)}
        departures = self._leave(connection_id, places, leaves, always_change=True)
        for key in _place_keys(connection_id, places):
            self._delete_older(key, leaves)
        return next(iter(departures), None)

    def _unlist(self, connection_id: ConnectionId, room: RoomId) -> int | None:
        """Take a room off a connection's, and count that; None if the connection is forgotten."""
        try:
            with self._available():
                item = self._client.update_item(
                    TableName=self._table,
                    Key=connection_key(connection_id),
                    UpdateExpression="ADD leaves :one DELETE rooms :digest",
                    # An update would make a new item of a connection that has been forgotten.
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={
                        ":one": number(1),
                        ":digest": {"BS": [room_digest(connection_id, room)]},
                    },
                    ReturnValues="ALL_NEW",
                )["Attributes"]
        except ConditionFailedError:
            return None
        return int(item["leaves"]["N"])

    def _delete_older(self, key: Item, leaves: int | None) -> Item | None:
        """Delete what a join has written that began before a leave; return it if it was there.

        Args:
            key: of a member or a place.
            leaves: the leave's number; None deletes it whenever the join began.
        """
        older: dict[str, Any] = {}
        if leaves is not None:
            older["ConditionExpression"] = "attribute_not_exists(leaves) OR leaves < :leaves"
            older["ExpressionAttributeValues"] = {":leaves": number(leaves)}
        with suppress(ConditionFailedError), self._available():
            return self._client.delete_item(
                TableName=self._table, Key=key, ReturnValues="ALL_OLD", **older
            ).get("Attributes")
        return None

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """See `Store.forget`.

        The connection goes first: a join that comes after that fails, and one that came before has
        noted its place.
        """
        with self._available():
            deleted = self._client.delete_item(
                TableName=self._table, Key=connection_key(connection_id), ReturnValues="ALL_OLD"
            ).get("Attributes")
        places = self._places(connection_id)
        known = {} if room is None or room in places else {room: range(self.head(room).level + 1)}
        departures = self._leave(connection_id, {**places, **known})
        entry = [user_connection_key(read_user(deleted).user_id, connection_id)] if deleted else []
        # The entry goes last: where this dies before, it still leads to the places.
        self._delete([*_place_keys(connection_id, places), *entry])
        return departures

    def forget_all(self, members: Sequence[Member], room: RoomId, level: int) -> list[Departure]:
        """See `Store.forget_all`."""
        self._delete([connection_key(member.id) for member in members])
        left: list[tuple[Member, RoomId]] = []
        changed: defaultdict[tuple[RoomId, Shard], Counter[ConnectionId]] = defaultdict(Counter)
        keys: list[Item] = []
        for member in members:
            places = self._places(member.id)
            keys.append(user_connection_key(member.user.user_id, member.id))
            keys += _place_keys(member.id, places)
            for one, levels in {room: range(level + 1), **places}.items():
                keys += (member_key(one, member.id, at) for at in levels)
                for at in levels:
                    changed[one, shard_of(member.id, at)][member.id] -= one in places
            left += ((member, one) for one in places)
        self._delete(keys)
        counts = {
            one: self._change(one, shard, ids, members=ids.total())
            for (one, shard), ids in sorted(changed.items())
        }
        return [Departure(one, member.user, counts[one]) for member, one in left]

    def _confirmed(self, connection: Connection, room: RoomId) -> RoomHead | None:
        """Return where a room stands, if the connection that has joined it is a member there."""
        while True:
            level = self._level(room)
            members = [member_key(room, connection.id, at) for at in range(level + 1)]
            items = self._get_all([head_key(room), *members])
            head = head_among(items)
            if head is None or len(items) > 1:
                return head
            if head.level <= level:
                return None
            self._learn_level(room, head.level)

    def _enter(self, connection: Connection, room: RoomId, level: int) -> RoomHead:
        """Put the member, change its shard's version, and return where the room stood after that.

        The place is noted together with it, so that whoever forgets the connection finds it.
        """
        common: Item = {"expires_at": connection_expiry(connection)}
        if connection.leaves:
            common["leaves"] = number(connection.leaves)
        self._write(
            [
                {"PutRequest": {"Item": {**item, **common}}}
                for item in (
                    place_key(connection.id, room, level),
                    member_item(room, connection, level),
                )
            ]
        )
        if level == 0:
            head = self._change_head(room, 1)
            members = head.members
        else:
            shard = shard_of(connection.id, level)
            members = self._change_shard(room, shard, [connection.id], 1).members
            head = self._living_head(room)
        higher = next_level(level, members, self._capacity)
        if higher and head.level < higher:
            self._raise_level(room, higher)
            return replace(head, level=higher)
        return head

    def _let_speak(
        self, connection: Connection, room: RoomId, muted_until: int | None
    ) -> Connection:
        """Note with the connection that it has joined a room, and return it as it is then.

        Nothing is noted where it has left a room meanwhile, which the result's `leaves` tell.

        Raises:
            FrameError: `unknown_connection`, or `too_many_rooms`.
        """
        digest = room_digest(connection.id, room)
        unchanged = "leaves = :leaves" if connection.leaves else "attribute_not_exists(leaves)"
        values: Item = {
            ":digests": {"BS": [digest]},
            ":digest": {"B": digest},
            ":limit": number(self._rooms_limit),
        }
        update: dict[str, Any] = {"UpdateExpression": "ADD rooms :digests"}
        if connection.leaves:
            values[":leaves"] = number(connection.leaves)
        if muted_until is not None:
            update["UpdateExpression"] += " SET #muted = :until"
            update["ExpressionAttributeNames"] = {"#muted": muted_attribute(digest)}
            values[":until"] = number(muted_until)
        try:
            with self._available():
                item = self._client.update_item(
                    TableName=self._table,
                    Key=connection_key(connection.id),
                    ConditionExpression=(
                        f"attribute_exists(pk) AND {unchanged} AND (attribute_not_exists(rooms)"
                        " OR size(rooms) < :limit OR contains(rooms, :digest))"
                    ),
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **update,
                )["Attributes"]
        except ConditionFailedError as failure:
            if failure.item is None:
                raise unknown_connection() from None
            there = read_connection(connection.id, cast("Item", failure.item))
            if there.leaves == connection.leaves:
                raise self._too_many_rooms() from None
            return there
        return read_connection(connection.id, item)

    def _leave(
        self,
        connection_id: ConnectionId,
        places: Mapping[RoomId, Iterable[int]],
        leaves: int | None = None,
        *,
        always_change: bool = False,
    ) -> list[Departure]:
        """Delete members of rooms, at some levels of each, and change their shards' versions.

        Those of joins that began after a leave stay. `always_change` changes the version where
        there was no member, too.
        """
        departures: dict[RoomId, Departure] = {}
        for room, levels in sorted(places.items()):
            for level in levels:
                shard = shard_of(connection_id, level)
                member = self._delete_older(member_key(room, connection_id, level), leaves)
                if member:
                    left = self._change(room, shard, [connection_id], members=-1)
                    departures[room] = Departure(room, read_user(member), left)
                elif always_change:
                    self._change(room, shard, [connection_id], members=0)
        return list(departures.values())

    def _places(
        self, connection_id: ConnectionId, room: RoomId | None = None
    ) -> dict[RoomId, Sequence[int]]:
        """Return where a connection is a member, or may be, in one room or all, at which levels.

        Two joins at a time may go by two levels of a room.
        """
        pk = connection_key(connection_id)["pk"]["S"]
        first, last = (f"R#{room}\n", f"R#{room}\n~") if room else ("R#", "R$")
        places: dict[RoomId, list[int]] = {}
        for one, level in map(read_place, self._query(pk, first, last)):
            places.setdefault(one, []).append(level)
        return dict(places)

    def _delete(self, keys: Sequence[Item]) -> None:
        requests: list[WriteRequestTypeDef] = [{"DeleteRequest": {"Key": key}} for key in keys]
        self._write(requests)

    def _level(self, room: RoomId) -> int:
        with self._lock:
            return self._levels.get(room, 0)

    def _learn_level(self, room: RoomId, level: int) -> None:
        """Remember the level of a large room; one that is not remembered counts as small."""
        with self._lock:
            if level:
                self._levels.note(room, level)
            else:
                self._levels.pop(room, None)

    def _too_many_rooms(self) -> FrameError:
        return FrameError(
            Code.TOO_MANY_ROOMS,
            f"A connection may be in {self._rooms_limit} rooms: leave one first.",
        )


def _place_keys(connection_id: ConnectionId, places: Mapping[RoomId, Iterable[int]]) -> list[Item]:
    return [
        place_key(connection_id, room, level) for room, levels in places.items() for level in levels
    ]
