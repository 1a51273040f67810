"""The DynamoDB table: connections and the members of rooms.

| item       | pk         | sk                               |
|------------|------------|----------------------------------|
| connection | `C#<id>`   | `C`                              |
| member     | `R#<room>` | `M#<4 hex of a hash of id><id>`  |

The hash makes any slice of a room's members one `Query … BETWEEN`, so a large room can be split
among workers without a member ever moving. A connection lives two hours at most, so every item
carries `expires_at`; DynamoDB deletes expired items within days, not at once, so reads filter too
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError
from chalicelib.model import Connection, ConnectionId, Member, RoomId, UserId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

CONNECTION_LIFE: Final = 2 * 60 * 60 + 10 * 60
"""Seconds that a connection's items are kept: the gateway's two hours, and some slack.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""


class Store(Protocol):
    """Where connections and members are kept.

    Every method raises `UnavailableError` when the table can't be reached or throttles; the call
    may be repeated as it is, since each of them is idempotent.
    """

    def add(self, connection: Connection) -> None:
        """Keep a connection and make it a member of its rooms."""

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """Return a connection as it is now, or None when it is unknown or expired."""

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> None:
        """Delete a connection and its membership of every room it was in.

        `room` names one it is known to be in, which is left even if the connection's own item,
        and so its list of rooms, is gone already.
        """

    def members(self, room: RoomId) -> Iterator[Member]:
        """Yield the members of a room, whoever joined before the call included."""


class DynamoStore:
    """The store in one DynamoDB table."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def add(self, connection: Connection) -> None:
        """See `Store.add`.

        The connection goes first: if the function dies between the writes, `forget` still finds
        every room that may hold a member.
        """
        expires_at = {"N": str(connection.connected_at // 1000 + CONNECTION_LIFE)}
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    **_connection_key(connection.id),
                    "user_id": {"S": connection.user_id},
                    "username": {"S": connection.username},
                    "rooms": {"SS": sorted(connection.rooms)},
                    "api_id": {"S": connection.api_id},
                    "stage": {"S": connection.stage},
                    "connected_at": {"N": str(connection.connected_at)},
                    "expires_at": expires_at,
                },
            )
            for room in connection.rooms:
                self._client.put_item(
                    TableName=self._table,
                    Item={
                        **_member_key(room, connection.id),
                        "user_id": {"S": connection.user_id},
                        "username": {"S": connection.username},
                        "expires_at": expires_at,
                    },
                )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"The table {self._table} can't be written: {error}") from error

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """See `Store.connection`."""
        try:
            item = self._client.get_item(
                TableName=self._table, Key=_connection_key(connection_id), ConsistentRead=True
            ).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"The table {self._table} can't be read: {error}") from error
        if item is None or self._expired(item):
            return None
        return Connection(
            id=connection_id,
            user_id=UserId(item["user_id"]["S"]),
            username=item["username"]["S"],
            connected_at=int(item["connected_at"]["N"]),
            rooms=_rooms(item),
            api_id=item["api_id"]["S"],
            stage=item["stage"]["S"],
        )

    def forget(self, connection_id: ConnectionId, room: RoomId | None = None) -> None:
        """See `Store.forget`."""
        try:
            deleted = self._client.delete_item(
                TableName=self._table, Key=_connection_key(connection_id), ReturnValues="ALL_OLD"
            ).get("Attributes")
            for left in {*(_rooms(deleted) if deleted else ()), *([room] if room else ())}:
                self._client.delete_item(
                    TableName=self._table, Key=_member_key(left, connection_id)
                )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"The table {self._table} can't be written: {error}") from error

    def members(self, room: RoomId) -> Iterator[Member]:
        """See `Store.members`.

        The read is consistent, and paged, since one page ends at 1 MB
        (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html).
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :room AND begins_with(sk, :members)",
            ExpressionAttributeValues={":room": {"S": _room_key(room)}, ":members": {"S": "M#"}},
            ProjectionExpression="sk, user_id, username, expires_at",
            ConsistentRead=True,
        )
        try:
            for page in pages:
                for item in page["Items"]:
                    if not self._expired(item):
                        yield Member(
                            id=ConnectionId(item["sk"]["S"][len("M#0000") :]),
                            user_id=UserId(item["user_id"]["S"]),
                            username=item["username"]["S"],
                        )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"The table {self._table} can't be read: {error}") from error

    def _expired(self, item: Item) -> bool:
        return int(item["expires_at"]["N"]) <= self._clock()


def _connection_key(connection_id: ConnectionId) -> Item:
    return {"pk": {"S": f"C#{connection_id}"}, "sk": {"S": "C"}}


def _room_key(room: RoomId) -> str:
    return f"R#{room}"


def _member_key(room: RoomId, connection_id: ConnectionId) -> Item:
    slot = hashlib.sha256(connection_id.encode()).hexdigest()[:4]
    return {"pk": {"S": _room_key(room)}, "sk": {"S": f"M#{slot}{connection_id}"}}


def _rooms(item: Item) -> frozenset[RoomId]:
    rooms = item.get("rooms")
    return frozenset(RoomId(room) for room in rooms["SS"]) if rooms else frozenset()
