"""Log events and hints in pytest's `caplog`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apigw_local.console.log_events import Hint, LogEvent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def log_events(caplog: pytest.LogCaptureFixture, kind: str) -> list[LogEvent]:
    """Return the log events of one kind so far."""
    return [m for m in _messages(caplog) if isinstance(m, LogEvent) and m.kind == kind]


def log_event(caplog: pytest.LogCaptureFixture, kind: str) -> LogEvent:
    """Wait for a log event of one kind, and return the first one."""
    wait_until(lambda: bool(log_events(caplog, kind)))
    return log_events(caplog, kind)[0]


def hints(caplog: pytest.LogCaptureFixture) -> set[str]:
    """Return the kinds of the hints so far."""
    return {message.kind for message in _messages(caplog) if isinstance(message, Hint)}


def _messages(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    return (record.msg for record in list(caplog.records))
