"""Structured logs: one canonical JSON line per invocation, with counts and durations.

No line holds a message's text or a token.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

if TYPE_CHECKING:
    from collections.abc import Iterator

logger: Final = Logger(service="fanfare", utc=True)

Line = dict[str, str | int | float | None]
"""The fields of a canonical line."""


@contextmanager
def invocation(function: str, context: Any) -> Iterator[Line]:
    """Log one line when the block ends, with whatever fields the block has put into it.

    An exception is logged with its traceback, and goes on. `context` is Lambda's context object.
    """
    line: Line = {"function": function, "function_request_id": context.aws_request_id}
    start = time.perf_counter()
    try:
        yield line
    except Exception:
        line["duration_ms"] = _milliseconds_since(start)
        logger.exception("failed", extra=line)
        raise
    line["duration_ms"] = _milliseconds_since(start)
    logger.info("done", extra=line)


def remaining_seconds(context: Any) -> float:
    """Return how long the invocation may still run."""
    return float(context.get_remaining_time_in_millis()) / 1000


def _milliseconds_since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 1)
