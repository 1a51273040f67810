"""Log line of an invocation, and the metrics that CloudWatch reads from it."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.adapters import telemetry
from chalicelib.core.ports.meter import Metric

CONTEXT = SimpleNamespace(aws_request_id="r-1")


def emitted(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every metric set that was printed."""
    lines = (json.loads(line) for line in capsys.readouterr().out.splitlines() if line)
    return [line for line in lines if "_aws" in line]


def done(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The canonical lines."""
    return [vars(one) for one in caplog.records if one.name == telemetry.logger.name]


def test_the_line_sums_what_was_counted(caplog: pytest.LogCaptureFixture) -> None:
    """One line tells who, how often and how long."""
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.note(room="tea")
        meter.count(Metric.POSTS, 2)
        meter.count(Metric.POSTS, 3)
    [line] = done(caplog)
    assert (line["function"], line["function_request_id"]) == ("test", "r-1")
    assert (line["room"], line["posts"]) == ("tea", 5)
    assert line["duration_ms"] >= 0


def test_every_value_of_a_metric_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch gets each delay, not only their sum, so that it can tell percentiles."""
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.count(Metric.DELAY, 10)
        meter.count(Metric.DELAY, 30)
    [metrics] = emitted(capsys)
    assert metrics["Delay"] == [10, 30]
    assert metrics["service"] == telemetry.logger.service
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Fanfare"
    assert directive["Dimensions"] == [["service"]]
    assert {"Name": "Delay", "Unit": "Milliseconds"} in directive["Metrics"]


def test_what_is_refused_is_told_apart_by_code(capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal counts for the service, and for its code as well."""
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.count(Metric.FRAMES_REFUSED, code="bad_room")
    [metrics] = emitted(capsys)
    [directive] = metrics["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["service"], ["service", "code"]]
    assert metrics["code"] == "bad_room"


def test_counts_of_nothing_are_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    """CloudWatch charges for what it is sent; no posts is no news, but no delay is one."""
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.count(Metric.POSTS, 0)
    assert emitted(capsys) == []
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.count(Metric.DELAY, 0)
    assert [one["Delay"] for one in emitted(capsys)] == [[0]]


def test_a_failure_is_logged_and_counted_and_goes_on(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exception reaches Lambda, and what was counted until then is not lost."""

    def fail() -> None:
        with telemetry.invocation("test", CONTEXT) as meter:
            meter.count(Metric.POSTS)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    [line] = done(caplog)
    assert (line["msg"], line["posts"]) == ("failed", 1)
    assert line["exc_info"]
    assert [one["Posts"] for one in emitted(capsys)] == [[1]]


def test_invocations_side_by_side_count_for_themselves(caplog: pytest.LogCaptureFixture) -> None:
    """Locally functions share a process; each line has its own figures."""
    both = threading.Barrier(2, timeout=5)

    def run(room: str, posts: int) -> None:
        with telemetry.invocation("test", CONTEXT) as meter:
            both.wait()
            meter.note(room=room)
            meter.count(Metric.POSTS, posts)
            both.wait()

    threads = [threading.Thread(target=run, args=one) for one in (("tea", 1), ("coffee", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {(line["room"], line["posts"]) for line in done(caplog)} == {("tea", 1), ("coffee", 2)}


def test_what_is_swallowed_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """An error that heals by itself leaves a warning with its task and its cause."""
    with telemetry.invocation("test", CONTEXT) as meter:
        meter.swallow("tell who came", ValueError("throttled"))
    warning, line = done(caplog)
    assert (warning["msg"], warning["task"], warning["error"]) == (
        "swallowed",
        "tell who came",
        "throttled",
    )
    assert line["errors_swallowed"] == 1


def test_nothing_is_counted_outside_of_an_invocation(capsys: pytest.CaptureFixture[str]) -> None:
    """A benchmark may use the use cases without a log."""
    meter = telemetry.CurrentMeter()
    meter.count(Metric.POSTS)
    meter.note(room="tea")
    assert emitted(capsys) == []


def test_a_cold_start_is_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A container's first invocation of a function says so, and its later ones don't."""
    for _ in range(2):
        with telemetry.invocation("a function that never ran", CONTEXT):
            pass
    assert [one["ColdStarts"] for one in emitted(capsys)] == [[1]]
