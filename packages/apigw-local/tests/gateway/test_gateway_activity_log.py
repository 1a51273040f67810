"""Calls of `@connections`: counted one by one, told together."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from apigw_local.console.log_events import LogEvent
from apigw_local.gateway.activity_log import CallLog
from gateway_support import logged_events


def told(caplog: pytest.LogCaptureFixture, happen: Callable[[CallLog], None]) -> list[LogEvent]:
    """The lines about some calls, until they were told."""
    caplog.set_level(logging.INFO, "apigw_local")

    async def main() -> None:
        calls = CallLog()
        happen(calls)
        calls.flush()
        calls.flush()

    asyncio.run(main())
    return [*logged_events.log_events(caplog, "post"), *logged_events.log_events(caplog, "get")]


def test_a_broadcast_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Posts to many connections are summed up, those that failed in a line of their own."""

    def broadcast(calls: CallLog) -> None:
        for number in range(2_000):
            calls.add("POST", 200 if number % 100 else 410, f"id {number}", 200)

    sent, gone = sorted(told(caplog, broadcast), key=lambda log_event: log_event.status)
    assert sent.detail == "1,980 posts to 1,980 connections, 396,000 bytes"
    assert (gone.status, gone.detail, gone.failed) == (
        "410",
        "20 posts to 20 connections, 4,000 bytes",
        True,
    )


def test_one_connection_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """A single call, or several to one connection, say which it was."""

    def answer(calls: CallLog) -> None:
        calls.add("GET", 200, "abc", 0)
        calls.add("POST", 200, "abc", 1)
        calls.add("POST", 200, "abc", 2)

    posts, get = told(caplog, answer)
    assert (posts.connection, posts.detail) == ("abc", "2 posts, 3 bytes")
    assert (get.connection, get.detail) == ("abc", "")


def test_a_call_without_an_answer_has_failed(caplog: pytest.LogCaptureFixture) -> None:
    """A connection reset in place of an answer is no status, and no success."""
    (lost,) = told(caplog, lambda calls: calls.add("POST", 0, "abc", 5))

    assert (lost.status, lost.failed) == ("none", True)


def test_what_is_not_told_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Without anybody to read lines there is nothing but the counts."""
    caplog.set_level(logging.WARNING, "apigw_local")
    calls = CallLog()
    calls.add("POST", 200, "abc", 5)
    calls.flush()

    assert calls.counts == {("POST", 200): 1}
    assert caplog.records == []


def test_a_line_comes_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing else needs to happen for a post to be told."""
    caplog.set_level(logging.INFO, "apigw_local")

    async def main() -> None:
        CallLog().add("POST", 200, "abc", 5)
        async with asyncio.timeout(5):
            while not logged_events.log_events(caplog, "post"):
                await asyncio.sleep(0.01)

    asyncio.run(main())
