"""Sanctions in the DynamoDB table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chalicelib.adapters.dynamodb.calls import Table, number
from chalicelib.adapters.dynamodb.items import (
    connection_key,
    muted_attribute,
    read_mutes,
    read_sanction,
    sanction_key,
    sanctions_pk,
)
from chalicelib.core.model import room_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chalicelib.core.model import ConnectionId, RoomId, Sanction, UserId

REMOVED_AT_ONCE: Final = 50
"""Attributes that one call removes: a condition on each takes two of the 300 operators.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/example_dynamodb_Scenario_ExpressionOperatorCounting_section.html
"""


class DynamoSanctions(Table):
    """The register: an item for each sanction, and an attribute of the connections it is about."""

    def sanction(self, room: RoomId, user_id: UserId, sanction: Sanction, until: int) -> None:
        """See `SanctionStore.sanction`."""
        with self._available():
            self._client.put_item(
                TableName=self._table,
                Item={
                    **sanction_key(room, user_id, sanction),
                    "expires_at": {"N": str(until)},
                },
            )

    def sanctions(self, room: RoomId, user_id: UserId) -> Mapping[Sanction, int]:
        """See `SanctionStore.sanctions`."""
        with self._available():
            items = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": sanctions_pk(room, user_id)}},
                ConsistentRead=True,
            )["Items"]
        laid = dict(map(read_sanction, items))
        return {sanction: until for sanction, until in laid.items() if until > self._clock()}

    def mute(self, connection_id: ConnectionId, room: RoomId, until: int) -> None:
        """See `SanctionStore.mute`.

        Mutes that have ended are removed: each frame of the connection writes its item anew.
        """
        key = connection_key(connection_id)
        digest = room_digest(connection_id, room)
        item = self._set(key, {muted_attribute(digest): number(until)})
        mutes = read_mutes(item) if item else {}
        ended = [one for one, end in mutes.items() if end <= self._clock()]
        if ended:
            self._remove(
                key, {muted_attribute(one): number(mutes[one]) for one in ended[:REMOVED_AT_ONCE]}
            )
