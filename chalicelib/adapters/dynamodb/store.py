"""Store over one DynamoDB table, composed of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.items import (
    connection_expiry,
    connection_item,
    connection_key,
    read_connection,
    standing,
    user_connection_item,
)
from chalicelib.adapters.dynamodb.members import DynamoMembers
from chalicelib.adapters.dynamodb.rate_limits import DynamoRateLimits
from chalicelib.adapters.dynamodb.sanctions import DynamoSanctions
from chalicelib.core.limits import ROOMS_LIMIT
from chalicelib.core.shards import CAPACITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.model import Connection, ConnectionId, RoomId


class DynamoStore(DynamoMembers, DynamoRateLimits, DynamoSanctions):
    """Store over one DynamoDB table, composed of its parts."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        clock: Callable[[], float],
        rooms_limit: int = ROOMS_LIMIT,
        capacity: Sequence[int] = CAPACITY,
    ) -> None:
        DynamoRateLimits.__init__(self, client, table, clock)
        DynamoMembers.__init__(self, rooms_limit, capacity)

    def add(self, connection: Connection) -> None:
        """See `Store.add`."""
        expires_at = connection_expiry(connection)
        self._write(
            [
                {"PutRequest": {"Item": {**item, "expires_at": expires_at}}}
                for item in (connection_item(connection), user_connection_item(connection))
            ]
        )

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """See `Store.connection`."""
        item = self._get(connection_key(connection_id))
        if item is None or self._expired(item):
            return None
        return read_connection(connection_id, item)

    def renew(self, connection: Connection) -> list[RoomId]:
        """See `Store.renew`."""
        self._set(connection_key(connection.id), standing(connection))
        return sorted(self._places(connection.id))
