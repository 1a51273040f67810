"""What modules have noted in their logs, as the tests read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apigw_local.console.log_events import Fact, Hint
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def facts(caplog: pytest.LogCaptureFixture, kind: str) -> list[Fact]:
    """The facts of one kind so far."""
    return [m for m in _messages(caplog) if isinstance(m, Fact) and m.kind == kind]


def fact(caplog: pytest.LogCaptureFixture, kind: str) -> Fact:
    """The first fact of one kind, waited for."""
    wait_until(lambda: bool(facts(caplog, kind)))
    return facts(caplog, kind)[0]


def hints(caplog: pytest.LogCaptureFixture) -> set[str]:
    """The kinds of the hints so far."""
    return {message.kind for message in _messages(caplog) if isinstance(message, Hint)}


def _messages(caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    return (record.msg for record in list(caplog.records))
