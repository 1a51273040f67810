"""Traces of a user in the DynamoDB table, found by reading the whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chalicelib.adapters.dynamodb.calls import ConditionFailedError, Table
from chalicelib.adapters.dynamodb.items import (
    account_key,
    message_key,
    read_address,
    read_connection,
    read_member,
    read_message,
    user_connection_key,
)
from chalicelib.core.history import erased
from chalicelib.core.model import ConnectionId, RoomId
from chalicelib.core.ports.traces import MembershipTrace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.adapters.dynamodb.items import Item
    from chalicelib.core.model import Address, SequencedMessage, UserId
    from chalicelib.core.ports.traces import Trace

READS_PER_SECOND: Final = 1000
WRITES_PER_SECOND: Final = 300
"""Units that erasure consumes at most: a third of what one partition has.

A Scan reads one partition after the other, each of which others use too
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-query-scan.html).
"""


class DynamoTraces(Table):
    """See `TraceStore`.

    Args:
        client: DynamoDB.
        table: the table's name.
        sleep: waits for so many seconds.
    """

    def __init__(self, client: DynamoDBClient, table: str, sleep: Callable[[float], None]) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def entries(self, user_id: UserId) -> list[Address]:
        """See `TraceStore.entries`."""
        own = account_key(user_id)
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :user",
            ExpressionAttributeValues={":user": own["pk"]},
            ConsistentRead=True,
        )
        with self._available():
            items = [item for page in pages for item in page["Items"]]
        return [read_address(item) for item in items if item["sk"] != own["sk"]]

    def drop(self, user_id: UserId, entries: Sequence[Address]) -> int:
        """See `TraceStore.drop`."""
        keys = [account_key(user_id), *(user_connection_key(user_id, one.id) for one in entries)]
        there = 0
        for key in keys:
            with self._available():
                answer = self._client.delete_item(
                    TableName=self._table, Key=key, ReturnValues="ALL_OLD"
                )
            there += "Attributes" in answer
        return there

    def find(self, user_id: UserId) -> Iterator[Trace]:
        """See `TraceStore.find`.

        No index leads from a user to messages: it would cost every message a write unit more.
        """
        pages = self._client.get_paginator("scan").paginate(
            TableName=self._table,
            FilterExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user_id}},
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        with self._available():
            for page in pages:
                yield from filter(None, map(_read, page["Items"]))
                self._pause(page, READS_PER_SECOND)

    def erase(self, numbered: SequencedMessage) -> bool:
        """See `TraceStore.erase`."""
        kept = erased(numbered.message)
        try:
            with self._available():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=message_key(kept.room, numbered.seq),
                    UpdateExpression=(
                        "SET #text = :text, #type = :type, username = :name REMOVE sender"
                    ),
                    ConditionExpression="epoch = :epoch AND #key = :key",
                    ExpressionAttributeNames={"#text": "text", "#type": "type", "#key": "key"},
                    ExpressionAttributeValues={
                        ":text": {"S": kept.text},
                        ":type": {"S": kept.type},
                        ":name": {"S": kept.user.username},
                        ":epoch": {"S": numbered.epoch},
                        ":key": {"S": kept.key},
                    },
                    ReturnConsumedCapacity="TOTAL",
                )
        except ConditionFailedError:
            return False
        self._pause(answer, WRITES_PER_SECOND)
        return True

    def _pause(self, answer: Mapping[str, Any], per_second: int) -> None:
        """Wait for as long as the units are worth that a call has consumed."""
        capacity = answer.get("ConsumedCapacity", {})
        self._sleep(capacity.get("CapacityUnits", 0) / per_second)


def _read(item: Item) -> Trace | None:
    """Read what an item holds of a user; None if there is nothing left to erase."""
    kind, _, name = item["pk"]["S"].partition("#")
    match kind:
        case "C":
            return read_connection(ConnectionId(name), item)
        case "M":
            shard, _, room = name.partition("#")
            return MembershipTrace(read_member(item), RoomId(room), int(shard[0]))
        case "S":
            numbered = read_message(RoomId(name), item)
            return None if erased(numbered.message) == numbered.message else numbered
        case _:
            return None
