"""What modules have noted in their logs, as the tests read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apigw_local.console.log_events import Hint, LogEvent
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def log_events(caplog: pytest.LogCaptureFixture, kind: str) -> list[LogEvent]:
    """The facts of one kind so far."""
    return [m for m in _messages(caplog) if isinstance(m, LogEvent) and m.kind == kind]


def log_event(caplog: pytest.LogCaptureFixture, kind: str) -> LogEvent:
    """The first fact of one kind, waited for."""
    wait_until(lambda: bool(log_events(caplog, kind)))
    return log_events(caplog, kind)[0]


def hints(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The kinds of the hints so far."""
    return {message.kind for message in _messages(caplog) if isinstance(message, Hint)}


def _messages(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    return (record.msg for record in list(caplog.records))
