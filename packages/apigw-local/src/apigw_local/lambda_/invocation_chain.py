"""Chains of invocations, counted in the X-Ray trace header as Lambda counts them.

A message that an invocation sends carries the header, with a count for each function that was
invoked on the way; Lambda adds one for the function that the message invokes.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html

On AWS the SDK sends the header of `_X_AMZN_TRACE_ID`, and SQS keeps it as `AWSTraceHeader`. Here
invocations share a process, so a context variable holds it; a thread that a handler starts begins
a chain of its own.
"""

from __future__ import annotations

import re
import secrets
import time
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from apigw_local.aws.botocore_hooks import BotocoreHook

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LIMIT: Final = 16
"""Invocations of a function in one chain, after which Lambda drops the next."""

_ATTRIBUTE: Final = "AWSTraceHeader"
_COUNT: Final = re.compile(r"([0-9a-f]{8}):([0-9]+)")

_current: ContextVar[str | None] = ContextVar("trace_header", default=None)


def length(event: Mapping[str, Any], function: str) -> int:
    """Return the invocations of a function in the chain that has led to an event.

    Of a batch the longest chain counts, which is inferred.
    """
    return _counts(event).get(_digest(function), 0)


def trace_header(event: Mapping[str, Any], function: str) -> str:
    """Return the header of an invocation of a function by an event.

    The form of `Lineage` is internal to Lambda; this one is only read here.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    counts = _counts(event)
    counts[_digest(function)] = length(event, function) + 1
    lineage = "|".join(f"{digest}:{count}" for digest, count in counts.items())
    return f"{new_trace()};Parent={secrets.token_hex(8)};Sampled=0;Lineage={lineage}"


def new_trace() -> str:
    """Return the header of a new trace."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"


@contextmanager
def carrying(header: str | None) -> Iterator[None]:
    """Have the messages that are sent in this context carry a trace header."""
    token = _current.set(header)
    try:
        yield
    finally:
        _current.reset(token)


class TraceHeaderHook(BotocoreHook):
    """Hook that puts an invocation's trace header on each message that it sends to a queue."""

    def __init__(self) -> None:
        super().__init__(
            _mark,
            "before-parameter-build.sqs.SendMessage",
            "before-parameter-build.sqs.SendMessageBatch",
        )


def _mark(*, params: dict[str, Any], **_: Any) -> None:
    header = _current.get()
    if header is None:
        return
    if "Entries" in params:
        params["Entries"] = [_marked(entry, header) for entry in params["Entries"]]
    else:
        params.update(_marked(params, header))


def _marked(message: Mapping[str, Any], header: str) -> dict[str, Any]:
    attribute = {_ATTRIBUTE: {"DataType": "String", "StringValue": header}}
    given = message.get("MessageSystemAttributes", {})
    return {**message, "MessageSystemAttributes": {**attribute, **given}}


def _counts(event: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in event.get("Records", ()):
        header = record.get("attributes", {}).get(_ATTRIBUTE, "")
        _, _, lineage = header.partition("Lineage=")
        for digest, count in _COUNT.findall(lineage):
            counts[digest] = max(counts.get(digest, 0), int(count))
    return counts


def _digest(function: str) -> str:
    return sha256(function.encode()).hexdigest()[:8]
