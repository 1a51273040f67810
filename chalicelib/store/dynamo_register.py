"""The register of sanctions, in the same DynamoDB table."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.store.calls import ConditionFailedError, available
from chalicelib.store.items import (
    connection_key,
    muted_attribute,
    read_sanction,
    room_key,
    sanction_key,
    sanctions_prefix,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.model import ConnectionId, RoomId, Sanction, UserId


class DynamoRegister:
    """The register: an item for each sanction, and an attribute of the connections it is about."""

    _client: DynamoDBClient
    _table: str
    _clock: Callable[[], float]

    def sanction(self, room: RoomId, user_id: UserId, sanction: Sanction, until: int) -> None:
        """See `Register.sanction`."""
        with available(self._table):
            self._client.put_item(
                TableName=self._table,
                Item={
                    **sanction_key(room, user_id, sanction),
                    "expires_at": {"N": str(until)},
                },
            )

    def sanctions(self, room: RoomId, user_id: UserId) -> Mapping[Sanction, int]:
        """See `Register.sanctions`."""
        with available(self._table):
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :room AND begins_with(sk, :user)",
                ExpressionAttributeValues={
                    ":room": {"S": room_key(room)},
                    ":user": {"S": sanctions_prefix(user_id)},
                },
                ConsistentRead=True,
            )["Items"]
        laid = dict(map(read_sanction, items))
        return {sanction: until for sanction, until in laid.items() if until > self._clock()}

    def mute(self, connection_id: ConnectionId, room: RoomId, until: int) -> None:
        """See `Register.mute`."""
        with suppress(ConditionFailedError), available(self._table):
            self._client.update_item(
                TableName=self._table,
                Key=connection_key(connection_id),
                UpdateExpression="SET #muted = :until",
                # Whoever joins later finds the sanction itself.
                ConditionExpression="contains(rooms, :room)",
                ExpressionAttributeNames={"#muted": muted_attribute(room)},
                ExpressionAttributeValues={":until": {"N": str(until)}, ":room": {"S": room}},
            )
