"""The mapping from the queue to the broadcast: the part that Chalice can't set."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTED: Final = {"FANFARE_BATCH_FAILURES": "reported"}
"""The variable that tells the broadcast that its mapping heeds the failures it returns."""

_TYPES: Final = ["ReportBatchItemFailures"]
_POLL_SECONDS: Final = 1.0


def find(
    client: Any, function_arn: str, queue: str, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """Return the mapping's UUID once no earlier one is being deleted; None if there is none.

    Lambda takes no second mapping of a queue and a function before the first is gone.

    Args:
        client: Lambda.
        function_arn: the function.
        queue: the queue's name.
        sleep: waits for so many seconds.
    """
    while True:
        mappings = [
            each
            for page in client.get_paginator("list_event_source_mappings").paginate(
                FunctionName=function_arn
            )
            for each in page["EventSourceMappings"]
            if each["EventSourceArn"].rpartition(":")[2] == queue
        ]
        staying = [each["UUID"] for each in mappings if each["State"] != "Deleting"]
        if staying or not mappings:
            return staying[0] if staying else None
        sleep(_POLL_SECONDS)


def reports_failures(client: Any, uuid: str) -> bool:
    """Whether there is such a mapping, and it heeds the failures that its function returns."""
    try:
        found = client.get_event_source_mapping(UUID=uuid)
    except client.exceptions.ResourceNotFoundException:
        return False
    return bool(found.get("FunctionResponseTypes") == _TYPES)


def report_failures(client: Any, uuid: str, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Let the mapping heed returned failures; return whether it did not yet.

    It does when this returns. A function that returned some before would lose them, so it is to
    be told afterwards.
    """
    if reports_failures(client, uuid):
        return False
    _settle(client, uuid, sleep)
    client.update_event_source_mapping(UUID=uuid, FunctionResponseTypes=_TYPES)
    _settle(client, uuid, sleep)
    return True


def _settle(client: Any, uuid: str, sleep: Callable[[float], None]) -> None:
    while client.get_event_source_mapping(UUID=uuid)["State"].endswith("ing"):
        sleep(_POLL_SECONDS)
