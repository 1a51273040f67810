"""A table in memory that answers like DynamoDB, and counts the units that each partition key takes.

The store's own code runs on it, so that what it reads and writes is counted, and not guessed. Units
are those of
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from chalicelib.adapters.dynamodb.items import READ_UNIT, item_size, read_units
from planning.simulation.expressions import Terms, holds, update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    Item = dict[str, Any]

WRITE_UNIT: Final = 1024
"""Bytes of a write unit."""


class Meter:
    """Units by partition key, over time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.total = 0.0
        self._clock = clock
        self._taken: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    def count(self, pk: str, units: float) -> None:
        """Count units that a partition key takes now."""
        self.total += units
        self._taken[pk].append((self._clock(), units))

    def peak(self) -> tuple[float, str]:
        """Return the most units that one partition key took in any second, and the key."""
        return max((_busiest(taken), pk) for pk, taken in self._taken.items())


def _busiest(taken: Iterable[tuple[float, float]]) -> float:
    """Return the most units within a second, from wherever it begins."""
    window: deque[tuple[float, float]] = deque()
    most = units = 0.0
    for at, more in taken:
        window.append((at, more))
        units += more
        while window[0][0] <= at - 1:
            units -= window.popleft()[1]
        most = max(most, units)
    return most


class Table:
    """The calls of a DynamoDB client that the store makes, on one table.

    Args:
        clock: seconds since 1970.
        wait: is called at the beginning of each call, with nothing changed yet.

    Attributes:
        writes: write units by partition key.
        reads: read units by partition key.
        calls: how often each call was made.
    """

    def __init__(self, clock: Callable[[], float], wait: Callable[[], None] = lambda: None) -> None:
        self.writes = Meter(clock)
        self.reads = Meter(clock)
        self.calls: Counter[str] = Counter()
        self._wait = wait
        self._items: defaultdict[str, dict[str, Item]] = defaultdict(dict)

    def put(self, item: Item) -> None:
        """Put an item that nobody pays for: it was there before."""
        self._items[item["pk"]["S"]][item["sk"]["S"]] = item

    def get_item(self, **request: Any) -> Any:
        """Read an item."""
        self._begin("GetItem")
        item = self._read(request["Key"], consistent=request.get("ConsistentRead", False))
        return {} if item is None else {"Item": item}

    def batch_get_item(self, **request: Any) -> Any:
        """Read items, each for a price of its own."""
        self._begin("BatchGetItem")
        ((table, wanted),) = request["RequestItems"].items()
        items = [self._read(key, consistent=wanted["ConsistentRead"]) for key in wanted["Keys"]]
        return {"Responses": {table: [item for item in items if item]}, "UnprocessedKeys": {}}

    def put_item(self, **request: Any) -> Any:
        """Put an item."""
        self._begin("PutItem")
        self._write(request["Item"], request["Item"])

    def delete_item(self, **request: Any) -> Any:
        """Delete an item, and return it; a refused deletion is paid for as well."""
        self._begin("DeleteItem")
        key = request["Key"]
        there = self._items[key["pk"]["S"]].get(key["sk"]["S"], {})
        condition = request.get("ConditionExpression")
        if condition and not holds(there, condition, Terms.of(request)):
            self.writes.count(key["pk"]["S"], _write_units(there or key))
            raise _refusal(None)
        old = self._write(key, None)
        return {} if old is None else {"Attributes": old}

    def batch_write_item(self, **request: Any) -> Any:
        """Put and delete items, each for a price of its own."""
        self._begin("BatchWriteItem")
        ((_, wanted),) = request["RequestItems"].items()
        for one in wanted:
            item = one.get("PutRequest", {}).get("Item")
            self._write(item or one["DeleteRequest"]["Key"], item)
        return {"UnprocessedItems": {}}

    def update_item(self, **request: Any) -> Any:
        """Update an item, or make one; a refused update is paid for as well."""
        self._begin("UpdateItem")
        key, terms = request["Key"], Terms.of(request)
        old = self._items[key["pk"]["S"]].get(key["sk"]["S"])
        condition = request.get("ConditionExpression")
        if condition and not holds(old or {}, condition, terms):
            self.writes.count(key["pk"]["S"], _write_units(old or key))
            raise _refusal(old if "ReturnValuesOnConditionCheckFailure" in request else None)
        new = {**key, **(old or {})}
        update(new, request["UpdateExpression"], terms)
        self._write(key, new)
        return {"Attributes": new}

    def query(self, **request: Any) -> Any:
        """Read a part of a partition, in order."""
        self._begin("Query")
        bounds = request["ExpressionAttributeValues"]
        pk = bounds[request["KeyConditionExpression"].split()[2]]["S"]
        partition = self._items[pk]
        names = sorted(partition)
        if ":first" in bounds:
            first, last = bounds[":first"]["S"], bounds[":last"]["S"]
            names = [name for name in names if first <= name <= last]
        if not request.get("ScanIndexForward", True):
            names.reverse()
        items = [partition[name] for name in names[: request.get("Limit")]]
        share = 1 if request.get("ConsistentRead") else 0.5
        self.reads.count(pk, share * read_units(items))
        return {"Items": items}

    def get_paginator(self, _: str) -> _Pages:
        """Return the pages of queries."""
        return _Pages(self.query)

    def _begin(self, call: str) -> None:
        self.calls[call] += 1
        self._wait()

    def _read(self, key: Mapping[str, Any], *, consistent: bool) -> Item | None:
        pk = key["pk"]["S"]
        item = self._items[pk].get(key["sk"]["S"])
        units = -(-item_size(item or {}) // READ_UNIT) or 1
        self.reads.count(pk, units if consistent else units / 2)
        return item

    def _write(self, key: Mapping[str, Any], new: Item | None) -> Item | None:
        """Put or delete an item, for the price of the larger of the two."""
        pk, sk = key["pk"]["S"], key["sk"]["S"]
        old = self._items[pk].pop(sk, None)
        if new is not None:
            self._items[pk][sk] = new
        self.writes.count(pk, max(_write_units(one) for one in (old or {}, new or {})))
        return old


class _Pages:
    """The pages of a query; there is always one."""

    def __init__(self, query: Callable[..., Any]) -> None:
        self._query = query

    def paginate(self, **request: Any) -> Iterator[Any]:
        """Yield the pages."""
        yield self._query(**request)


def _write_units(item: Item) -> int:
    return -(-item_size(item) // WRITE_UNIT) or 1


def _refusal(item: Item | None) -> ClientError:
    """Return what says that a condition does not hold, with the item if it was asked for."""
    answer: Any = {"Error": {"Code": "ConditionalCheckFailedException"}}
    return ClientError(answer | ({} if item is None else {"Item": item}), "UpdateItem")
