"""Calls of the table, in batches and pages, with the project's own errors."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestTypeDef

    from chalicelib.adapters.dynamodb.items import Item

WRITE_BATCH: Final = 25
"""Items in one BatchWriteItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""

READ_BATCH: Final = 100
"""Items in one BatchGetItem.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""


class ConditionFailedError(Exception):
    """A conditional write was refused; `item` is what stands there, if it was asked for."""

    def __init__(self, item: object) -> None:
        super().__init__()
        self.item = item


@contextmanager
def available(table: str) -> Iterator[None]:
    """Translate what calls in the block raise.

    Raises:
        ConditionFailedError: the condition of a write does not hold.
        UnavailableError: the table can't be reached, or throttles.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConditionFailedError(error.response.get("Item")) from error
        raise UnavailableError(f"The table {table} did not answer: {error}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"The table {table} did not answer: {error}") from error


def number(value: int) -> AttributeValueTypeDef:
    """Write a number as an attribute."""
    return {"N": str(value)}


class Table:
    """The calls that several parts of the store make."""

    _client: DynamoDBClient
    _table: str
    _clock: Callable[[], float]

    def _available(self) -> AbstractContextManager[None]:
        return available(self._table)

    def _expired(self, item: Item) -> bool:
        return int(item["expires_at"]["N"]) <= self._clock()

    def _get(self, key: Item, *, consistent: bool = True) -> Item | None:
        """Read an item, as it is now or as it was a moment ago."""
        with self._available():
            return self._client.get_item(
                TableName=self._table, Key=key, ConsistentRead=consistent
            ).get("Item")

    def _get_all(self, keys: Sequence[Item], *, consistent: bool = True) -> list[Item]:
        """Read those of some items that are there, in any order."""
        items: list[Item] = []
        for start in range(0, len(keys), READ_BATCH):
            request: Any = {
                self._table: {
                    "Keys": keys[start : start + READ_BATCH],
                    "ConsistentRead": consistent,
                }
            }
            with self._available():
                answer = self._client.batch_get_item(RequestItems=request)
            if answer["UnprocessedKeys"]:
                raise self._throttled("read")
            items += answer["Responses"].get(self._table, ())
        return items

    def _write(self, requests: Sequence[WriteRequestTypeDef]) -> None:
        """Put and delete items, in any order."""
        for start in range(0, len(requests), WRITE_BATCH):
            batch: Any = {self._table: requests[start : start + WRITE_BATCH]}
            with self._available():
                answer = self._client.batch_write_item(RequestItems=batch)
            if answer["UnprocessedItems"]:
                raise self._throttled("written")

    def _set(self, key: Item, values: Item) -> Item | None:
        """Set attributes of an item, and return it as it is then; None if it is not there."""
        with suppress(ConditionFailedError), self._available():
            return self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET " + ", ".join(f"#{n} = :{n}" for n in range(len(values))),
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeNames={f"#{n}": name for n, name in enumerate(values)},
                ExpressionAttributeValues={
                    f":{n}": value for n, value in enumerate(values.values())
                },
                ReturnValues="ALL_NEW",
            )["Attributes"]
        return None

    def _remove(self, key: Item, values: Item) -> None:
        """Remove attributes of an item, if all of them still have these values."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="REMOVE " + ", ".join(f"#{n}" for n in range(len(values))),
                ConditionExpression=" AND ".join(f"#{n} = :{n}" for n in range(len(values))),
                ExpressionAttributeNames={f"#{n}": name for n, name in enumerate(values)},
                ExpressionAttributeValues={
                    f":{n}": value for n, value in enumerate(values.values())
                },
            )

    def _query(self, pk: str, first: str, last: str, **options: Any) -> Iterator[Item]:
        """Yield what is alive between two sort keys, page by page, since a page ends at 1 MB.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html
        """
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": pk},
                ":first": {"S": first},
                ":last": {"S": last},
            },
            **{"ConsistentRead": True, **options},
        )
        with self._available():
            for page in pages:
                yield from (item for item in page["Items"] if not self._expired(item))

    def _throttled(self, done: str) -> UnavailableError:
        return UnavailableError(f"The table {self._table} throttles: items were left un{done}.")
