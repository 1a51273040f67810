"""Shards of rooms in the DynamoDB table: their members, versions and counts."""

from __future__ import annotations

import heapq
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from chalicelib.adapters.dynamodb.calls import ConditionFailedError, number
from chalicelib.adapters.dynamodb.items import (
    head_key,
    members_pk,
    part_attribute,
    read_head,
    read_member,
    read_shard,
    read_units,
    shard_key,
)
from chalicelib.adapters.dynamodb.rooms import DynamoRooms
from chalicelib.core.ports.store import HEAD_LIFE
from chalicelib.core.shards import LEVELS, WHOLE, ShardState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.adapters.dynamodb.items import Item
    from chalicelib.core.model import ConnectionId, Member, RoomHead, RoomId, SlotRange
    from chalicelib.core.shards import Shard

REFRESH: Final = 24 * 60 * 60
"""Seconds of a head's life after which a join makes it live on, where joins don't write it."""


class DynamoShards(DynamoRooms):
    """Members of rooms as they are read, and the versions that each change of them raises."""

    def members(self, room: RoomId, shard: Shard, slots: SlotRange) -> Iterator[Member]:
        """See `Store.members`.

        Connection ids are base64, so every one of a slot sorts before a tilde.
        """
        first, last = f"M#{slots.first:04x}", f"M#{slots.last:04x}~"
        return map(read_member, self._query(members_pk(room, shard), first, last))

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None, int]:
        """See `Store.members_page`.

        A page ends between two hashes, never within one, so that the hash is place enough.
        """
        slot = int(after, 16) + 1 if after else 0
        level = self.head(room).level
        streams = [self._level_from(room, at, slot, limit + 1) for at in range(level + 1)]
        page: list[Item] = []
        place, next_place = "", None
        for item in heapq.merge(*streams, key=lambda one: one["sk"]["S"]):
            last, place = place, item["sk"]["S"][2:6]
            if len(page) >= limit and place != last:
                next_place = last
                break
            page.append(item)
        unique = {item["sk"]["S"]: read_member(item) for item in page}
        return list(unique.values()), next_place, 1 + read_units(page) * (level + 1)

    def shards(
        self, room: RoomId, shards: Sequence[Shard], *, consistent: bool = True
    ) -> dict[Shard, ShardState]:
        """See `Store.shards`."""
        of = {members_pk(room, shard): shard for shard in shards}
        items = self._get_all([shard_key(room, shard) for shard in shards], consistent=consistent)
        return {of[item["pk"]["S"]]: read_shard(item) for item in items}

    def count(self, room: RoomId, shard: Shard) -> int:
        """See `Store.count`."""
        return sum(1 for _ in self._query(members_pk(room, shard), "M#", "M$"))

    def repair_member_count(self, room: RoomId, shard: Shard, state: ShardState) -> None:
        """See `Store.repair_member_count`."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=head_key(room) if shard == WHOLE else shard_key(room, shard),
                UpdateExpression="SET members = :members",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={
                    ":members": number(state.members),
                    ":version": number(state.version),
                },
            )

    def _change(
        self, room: RoomId, shard: Shard, ids: Iterable[ConnectionId], *, members: int
    ) -> int | None:
        """Change a shard's version for some connections, and its members by so many.

        Returns:
            How many members the room has left; None where they are spread over shards.
        """
        if shard != WHOLE:
            self._change_shard(room, shard, ids, members)
            return None
        head = self._change_head(room, members)
        return head.members if head.level == 0 else None

    def _change_head(self, room: RoomId, members: int) -> RoomHead:
        """Change the lowest shard's version, and its members by so many; make a head if need be."""
        with self._available():
            item = self._client.update_item(
                TableName=self._table,
                Key=head_key(room),
                UpdateExpression=(
                    "SET epoch = if_not_exists(epoch, :epoch), seq = if_not_exists(seq, :zero),"
                    " expires_at = :expires_at ADD version :one, members :members"
                ),
                ExpressionAttributeValues={
                    ":epoch": {"S": secrets.token_urlsafe(6)},
                    ":zero": number(0),
                    ":one": number(1),
                    ":members": number(members),
                    ":expires_at": self._head_expiry(),
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        return read_head(item)

    def _change_shard(
        self, room: RoomId, shard: Shard, ids: Iterable[ConnectionId], members: int
    ) -> ShardState:
        """Change the versions of a shard and of the parts that some connections belong to."""
        parts = sorted({shard.part_of(one) for one in ids})
        versions = ", ".join(f"{name} :one" for name in ("version", *map(part_attribute, parts)))
        with self._available():
            item = self._client.update_item(
                TableName=self._table,
                Key=shard_key(room, shard),
                UpdateExpression=(f"SET expires_at = :expires_at ADD {versions}, members :members"),
                ExpressionAttributeValues={
                    ":one": number(1),
                    ":members": number(members),
                    ":expires_at": self._head_expiry(),
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        return read_shard(item)

    def _living_head(self, room: RoomId) -> RoomHead:
        """Read a head, and have it live on: joins at higher levels don't write it."""
        item = self._get(head_key(room))
        if item is None:
            return self._change_head(room, 0)
        if int(item["expires_at"]["N"]) < self._clock() + HEAD_LIFE - REFRESH:
            self._set(head_key(room), {"expires_at": self._head_expiry()})
        return read_head(item)

    def _raise_level(self, room: RoomId, level: int) -> None:
        """Spread the members that come from now on over the shards of a higher level."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=head_key(room),
                UpdateExpression="SET spread = :level",
                ConditionExpression=(
                    "attribute_exists(pk) AND (attribute_not_exists(spread) OR spread < :level)"
                ),
                ExpressionAttributeValues={":level": number(level)},
            )

    def _level_from(self, room: RoomId, level: int, slot: int, limit: int) -> Iterator[Item]:
        """Yield a level's members from a slot on."""
        for shard in LEVELS[level]:
            if shard.slots.last >= slot:
                first = f"M#{max(slot, shard.slots.first):04x}"
                yield from self._query(members_pk(room, shard), first, "M$", Limit=limit)
