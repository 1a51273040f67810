"""The store in one DynamoDB table."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from chalicelib.errors import Code, FrameError, UnavailableError, unknown_connection
from chalicelib.limits import ROOMS_LIMIT
from chalicelib.model import Epoch, Head
from chalicelib.protocol import PAGE_LIMIT
from chalicelib.store.calls import ConditionFailedError
from chalicelib.store.dynamo_ledger import DynamoLedger
from chalicelib.store.dynamo_register import DynamoRegister
from chalicelib.store.items import (
    connection_item,
    connection_key,
    end,
    head_key,
    member_item,
    member_key,
    message_item,
    message_key,
    muted_attribute,
    read_connection,
    read_head,
    read_member,
    read_message,
    read_rooms,
    read_user,
    room_key,
    seq_key,
    standing,
    user_connection_item,
    user_connection_key,
)
from chalicelib.store.port import (
    CONNECTION_LIFE,
    HEAD_LIFE,
    HISTORY_LIFE,
    Departure,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestTypeDef

    from chalicelib.model import (
        Census,
        Connection,
        ConnectionId,
        Member,
        MessageKey,
        Numbered,
        RoomId,
        Span,
    )
    from chalicelib.store.items import Item

WRITE_BATCH: Final = 25
"""Items in one BatchWriteItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

MESSAGES_READ: Final = PAGE_LIMIT + 1
"""Messages that one Query reads: an answer's, and one that tells whether there are more.

Without a limit each would read, and be charged for, a megabyte.
"""


class DynamoStore(DynamoLedger, DynamoRegister):
    """The store in one DynamoDB table."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], float],
        rooms_limit: int = ROOMS_LIMIT,
    ) -> None:
        super().__init__(client, table, clock)
        self._rooms_limit = rooms_limit

    def add(self, connection: Connection) -> None:
        """See `Store.add`."""
        expires_at = _connection_expiry(connection)
        self._write(
            [
                {"PutRequest": {"Item": {**item, "expires_at": expires_at}}}
                for item in (connection_item(connection), user_connection_item(connection))
            ]
        )

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """See `Store.connection`."""
        with self._available():
            item = self._client.get_item(
                TableName=self._table, Key=connection_key(connection_id), ConsistentRead=True
            ).get("Item")
        if item is None or self._expired(item):
            return None
        return read_connection(connection_id, item)

    def join(self, connection: Connection, room: RoomId) -> Head:
        """See `Store.join`.

        The order of the three writes is what makes it safe. The connection lists the room first,
        so that whoever forgets the connection finds the member. The member is put before the
        version changes, so that whoever sees the new version finds it.
        """
        self._list_room(connection.id, room)
        with self._available():
            old = self._client.put_item(
                TableName=self._table,
                Item={
                    **member_item(room, connection),
                    "expires_at": _connection_expiry(connection),
                },
                ReturnValues="ALL_OLD",
            ).get("Attributes")
        return self._touch(room, 0 if old else 1)

    def renew(self, connection: Connection) -> None:
        """See `Store.renew`."""
        self._set(connection_key(connection.id), standing(connection))
        for room in sorted(connection.rooms):
            self.extend(connection, room)

    def extend(self, connection: Connection, room: RoomId) -> None:
        """See `Store.extend`."""
        self._set(member_key(room, connection.id), end(connection))

    def leave(self, connection: Connection, room: RoomId) -> Departure | None:
        """See `Store.leave`.

        The connection lists the room until the end, so that whoever forgets it after a death
        halfway finishes the work.
        """
        departure = self._remove_member(connection.id, room, always_touch=True)
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=connection_key(connection.id),
                UpdateExpression="DELETE rooms :room REMOVE #muted",
                # An update would make a new item of a connection that has been forgotten meanwhile.
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={"#muted": muted_attribute(room)},
                ExpressionAttributeValues={":room": {"SS": [room]}},
            )
        return departure

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> list[Departure]:
        """See `Store.forget`."""
        with self._available():
            deleted = self._client.delete_item(
                TableName=self._table, Key=connection_key(connection_id), ReturnValues="ALL_OLD"
            ).get("Attributes")
        rooms = {*(read_rooms(deleted) if deleted else ()), *([room] if room else ())}
        departures = [self._remove_member(connection_id, left) for left in sorted(rooms)]
        if deleted:
            with self._available():
                self._client.delete_item(
                    TableName=self._table,
                    Key=user_connection_key(read_user(deleted).user_id, connection_id),
                )
        return [departure for departure in departures if departure]

    def members(self, room: RoomId, span: Span) -> Iterator[Member]:
        """See `Store.members`.

        Connection ids are base64, so every one of a slot sorts before a tilde.
        """
        first, last = f"M#{span.first:04x}", f"M#{span.last:04x}~"
        return map(read_member, self._query(room, first, last))

    def members_page(
        self, room: RoomId, after: str | None, limit: int
    ) -> tuple[list[Member], str | None]:
        """See `Store.members_page`.

        A page ends between two hashes, never within one, so that the hash is place enough.
        """
        page: list[Member] = []
        slot = ""
        for item in self._query(room, f"M#{after}g" if after else "M#", "M$", Limit=limit + 1):
            last, slot = slot, item["sk"]["S"][2:6]
            if len(page) >= limit and slot != last:
                return page, last
            page.append(read_member(item))
        return page, None

    def head(self, room: RoomId) -> Head:
        """See `Store.head`.

        An expired head counts until the table deletes it: all of its messages have expired before.
        """
        with self._available():
            item = self._client.get_item(
                TableName=self._table, Key=head_key(room), ConsistentRead=True
            ).get("Item")
        if item is None:
            return Head(epoch=_new_epoch(), seq=0, recent=(), version=0, members=0)
        return read_head(item)

    def append(self, messages: Sequence[Numbered]) -> None:
        """See `Store.append`."""
        expires_at = {"N": str(int(self._clock()) + HISTORY_LIFE)}
        requests: list[WriteRequestTypeDef] = [
            {"PutRequest": {"Item": {**message_item(message), "expires_at": expires_at}}}
            for message in messages
        ]
        for start in range(0, len(requests), WRITE_BATCH):
            self._write(requests[start : start + WRITE_BATCH])

    def advance(self, room: RoomId, before: Head, after: Head) -> Head | None:
        """See `Store.advance`."""
        unmoved = "(epoch = :epoch AND seq = :before)"
        no_head = "attribute_not_exists(epoch)"
        try:
            with self._available():
                item = self._client.update_item(
                    TableName=self._table,
                    Key=head_key(room),
                    UpdateExpression=(
                        "SET epoch = :epoch, seq = :after, recent = :recent,"
                        " expires_at = :expires_at ADD version :zero, members :zero"
                    ),
                    ConditionExpression=f"{unmoved} OR {no_head}" if not before.seq else unmoved,
                    ExpressionAttributeValues={
                        ":epoch": {"S": before.epoch},
                        ":before": {"N": str(before.seq)},
                        ":after": {"N": str(after.seq)},
                        ":recent": {"S": "".join(after.recent)},
                        ":expires_at": self._head_expiry(),
                        ":zero": {"N": "0"},
                    },
                    ReturnValues="ALL_NEW",
                )["Attributes"]
        except ConditionFailedError:
            return None
        return read_head(item)

    def mend(self, room: RoomId, census: Census, members: int) -> None:
        """See `Store.mend`."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=head_key(room),
                UpdateExpression="SET members = :members",
                ConditionExpression="version = :version",
                ExpressionAttributeValues={
                    ":members": {"N": str(members)},
                    ":version": {"N": str(census.version)},
                },
            )

    def messages(
        self, room: RoomId, epoch: Epoch, *, above: int, below: int, newest_first: bool = False
    ) -> Iterator[Numbered]:
        """See `Store.messages`."""
        if below - above < 2:
            return
        for item in self._query(
            room,
            seq_key(above + 1),
            seq_key(below - 1),
            ScanIndexForward=not newest_first,
            Limit=MESSAGES_READ,
        ):
            if item["epoch"]["S"] == epoch:
                yield read_message(room, item)

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """See `Store.erase`."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=message_key(room, seq),
                UpdateExpression="SET #text = :nothing, #type = :deleted",
                ConditionExpression="epoch = :epoch AND #type = :chat",
                ExpressionAttributeNames={"#text": "text", "#type": "type"},
                ExpressionAttributeValues={
                    ":nothing": {"S": ""},
                    ":deleted": {"S": "deleted"},
                    ":chat": {"S": "chat"},
                    ":epoch": {"S": epoch},
                },
            )

    def find(self, room: RoomId, head: Head, key: MessageKey) -> int | None:
        """See `Store.find`."""
        recent = head.seq_of(key)
        if recent is not None:
            return recent
        with self._available():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :room AND sk BETWEEN :first AND :last",
                FilterExpression="#key = :key AND epoch = :epoch",
                ExpressionAttributeNames={"#key": "key"},
                ExpressionAttributeValues={
                    ":room": {"S": room_key(room)},
                    ":first": {"S": seq_key(1)},
                    ":last": {"S": seq_key(max(head.seq, 1))},
                    ":key": {"S": key},
                    ":epoch": {"S": head.epoch},
                },
                ScanIndexForward=False,
                ConsistentRead=True,
            )["Items"]
        return read_message(room, items[0]).seq if items else None

    def _set(self, key: Item, values: Item) -> None:
        """Set attributes of an item, if it is there."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={f"#{name}": name for name in values},
                ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
            )

    def _list_room(self, connection_id: ConnectionId, room: RoomId) -> None:
        connected = "attribute_exists(pk)"
        has_place = (
            "(attribute_not_exists(rooms) OR size(rooms) < :limit OR contains(rooms, :name))"
        )
        try:
            with self._available():
                self._client.update_item(
                    TableName=self._table,
                    Key=connection_key(connection_id),
                    UpdateExpression="ADD rooms :room",
                    ConditionExpression=f"{connected} AND {has_place}",
                    ExpressionAttributeValues={
                        ":room": {"SS": [room]},
                        ":name": {"S": room},
                        ":limit": {"N": str(self._rooms_limit)},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except ConditionFailedError as failure:
            if failure.item is None:
                raise unknown_connection() from None
            raise FrameError(
                Code.TOO_MANY_ROOMS,
                f"A connection may be in {self._rooms_limit} rooms: leave one first.",
            ) from None

    def _remove_member(
        self, connection_id: ConnectionId, room: RoomId, *, always_touch: bool = False
    ) -> Departure | None:
        with self._available():
            member = self._client.delete_item(
                TableName=self._table,
                Key=member_key(room, connection_id),
                ReturnValues="ALL_OLD",
            ).get("Attributes")
        if not member:
            if always_touch:
                self._touch(room, 0)
            return None
        head = self._touch(room, -1)
        return Departure(room, read_user(member), head.members)

    def _touch(self, room: RoomId, members: int) -> Head:
        """Change a room's version, and its members by so many; make its head if need be."""
        with self._available():
            item = self._client.update_item(
                TableName=self._table,
                Key=head_key(room),
                UpdateExpression=(
                    "SET epoch = if_not_exists(epoch, :epoch), seq = if_not_exists(seq, :zero),"
                    " recent = if_not_exists(recent, :none), expires_at = :expires_at"
                    " ADD version :one, members :members"
                ),
                ExpressionAttributeValues={
                    ":epoch": {"S": _new_epoch()},
                    ":zero": {"N": "0"},
                    ":none": {"S": ""},
                    ":one": {"N": "1"},
                    ":members": {"N": str(members)},
                    ":expires_at": self._head_expiry(),
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        return read_head(item)

    def _write(self, requests: list[WriteRequestTypeDef]) -> None:
        with self._available():
            left: Any = self._client.batch_write_item(RequestItems={self._table: requests})[
                "UnprocessedItems"
            ]
        if left:
            raise UnavailableError(f"The table {self._table} throttles: items were left unwritten")

    def _query(self, room: RoomId, first: str, last: str, **options: Any) -> Iterator[Item]:
        """Yield what is alive between two sort keys, page by page, since a page ends at 1 MB.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :room AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":room": {"S": room_key(room)},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            **{"ConsistentRead": True, **options},
        )
        with self._available():
            for page in pages:
                yield from (item for item in page["Items"] if not self._expired(item))

    def _head_expiry(self) -> AttributeValueTypeDef:
        return {"N": str(int(self._clock()) + HEAD_LIFE)}


def _new_epoch() -> Epoch:
    return Epoch(secrets.token_urlsafe(6))


def _connection_expiry(connection: Connection) -> AttributeValueTypeDef:
    return {"N": str(connection.connected_at // 1000 + CONNECTION_LIFE)}
