"""Capacity units of a table's calls, by the sizes of the items: the emulations don't tell.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from chalicelib.adapters.dynamodb.items import READ_UNIT, item_size

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WRITE_UNIT: Final = 1024
PARAMS: Final = "the parameters of a call"


class Units:
    """Counts what a client's calls consume.

    Attributes:
        calls: the calls, by their names.
        reads: read units in all.
        writes: write units in all.
        written: write units by partition key.

    Args:
        client: the client whose calls count.
        observer: another one, to look at items that a call has changed.
    """

    def __init__(self, client: DynamoDBClient, observer: DynamoDBClient) -> None:
        self._observer = observer
        self.reset()
        client.meta.events.register("before-parameter-build.dynamodb", self._begin)
        client.meta.events.register("after-call.dynamodb", self._end)

    def reset(self) -> None:
        """Count from 0 again."""
        self.calls: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.reads = 0.0

    @property
    def writes(self) -> int:
        """Write units in all."""
        return self.written.total()

    def _begin(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context[PARAMS] = params

    def _end(self, parsed: Any, model: Any, context: dict[str, Any], **_: object) -> None:
        self.calls[model.name] += 1
        params = context[PARAMS]
        if "Error" in parsed:
            self._write(params["Key"], {})
            return
        match model.name:
            case "GetItem":
                self._read([parsed.get("Item", {})], params)
            case "Query":
                self._read([{}], params, sum(map(item_size, parsed["Items"])))
            case "BatchGetItem":
                [(table, request)] = params["RequestItems"].items()
                found = parsed["Responses"][table]
                missing = len(request["Keys"]) - len(found)
                self._read([*found, *({} for _ in range(missing))], request)
            case "PutItem":
                self._write(params["Item"], params["Item"])
            case "UpdateItem":
                got = self._observer.get_item(TableName=params["TableName"], Key=params["Key"])
                self._write(params["Key"], got["Item"])
            case "DeleteItem":
                self._write(params["Key"], parsed.get("Attributes", {}))
            case "BatchWriteItem":
                [requests] = params["RequestItems"].values()
                for request in requests:
                    [(_, what)] = request.items()
                    self._write(what.get("Key", what.get("Item")), what.get("Item", {}))
            case _:
                raise AssertionError(f"nobody has said what {model.name} consumes")

    def _read(self, items: list[Any], request: dict[str, Any], more: int = 0) -> None:
        factor = 1 if request.get("ConsistentRead") else 0.5
        for item in items:
            self.reads += factor * max(1, ceil((item_size(item) + more) / READ_UNIT))

    def _write(self, key: Any, item: Any) -> None:
        self.written[key["pk"]["S"]] += max(1, ceil(item_size(item) / WRITE_UNIT))
