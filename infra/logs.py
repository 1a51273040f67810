"""Log lines of a stage's functions, in the order of time."""

from __future__ import annotations

import heapq
import time
from datetime import UTC, datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLLOW_SECONDS = 2.0


def read(client: Any, functions: Iterable[str], since: int) -> Iterator[dict[str, Any]]:
    """Yield the log events of functions, oldest first.

    Args:
        client: CloudWatch Logs.
        functions: their names.
        since: in ms since the epoch.
    """
    yield from heapq.merge(
        *(_events(client, name, since) for name in functions), key=itemgetter("timestamp")
    )


def follow(client: Any, functions: list[str], since: int) -> Iterator[dict[str, Any]]:
    """Yield like `read`, and go on with what comes, until interrupted."""
    seen: set[str] = set()
    while True:
        events = [event for event in read(client, functions, since) if event["eventId"] not in seen]
        yield from events
        if events:
            since = events[-1]["timestamp"]
            seen = {event["eventId"] for event in events if event["timestamp"] == since} | seen
        time.sleep(FOLLOW_SECONDS)


def line(event: dict[str, Any]) -> str:
    """Write an event as a line: the time in UTC, the function, and what it logged."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    return f"{at:%H:%M:%S} {event['function']:<28} {event['message'].rstrip()}"


def _events(client: Any, function: str, since: int) -> Iterator[dict[str, Any]]:
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}", startTime=since
    )
    for page in pages:
        for event in page["events"]:
            yield {**event, "function": function}
