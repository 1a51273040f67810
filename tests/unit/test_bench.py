"""The benchmark's command line, and what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import __main__ as command
from bench import cold, memory, report
from bench.broadcast import Row as BroadcastRow
from bench.broadcast import measure as measure_broadcast
from bench.coalescing import measure as measure_rooms

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class Row:
    """A row of a part that measures nothing."""

    recipients: int
    algorithm: str
    last_post_s: float


def test_a_part_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json there is the machine, the versions and the rows, and nothing else."""
    command.main(["fake", "--json"], {"fake": lambda: [Row(100, "fanfare", 0.05)]})
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {"machine", "versions", "rows"}
    assert printed["rows"] == [{"recipients": 100, "algorithm": "fanfare", "last_post_s": 0.05}]
    assert {"python", "openssl", "boto3", "httptools"} <= set(printed["versions"])


def test_a_part_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Without it, people get columns."""
    command.main(["fake"], {"fake": lambda: [Row(10_000, "plain", 26.6)]})
    assert capsys.readouterr().out.split() == [
        *("recipients", "algorithm", "last", "post", "s"),
        *("10,000", "plain", "26.6"),
    ]


def test_a_table_of_nothing_is_empty() -> None:
    """A part without rows is no error."""
    assert report.table([]) == ""


def test_one_message_is_measured_to_its_last_receiver() -> None:
    """Both algorithms reach every member of a small room, once each."""
    rows = list(measure_broadcast(recipients=(7,), rounds=1))
    assert [(row.algorithm, row.recipients, row.posts) for row in rows] == [
        ("fanfare", 7, 7),
        ("plain", 7, 7),
    ]
    assert all(isinstance(row, BroadcastRow) and row.last_post_s > 0 for row in rows)


def test_a_busy_room_is_measured_with_the_linger_and_without() -> None:
    """A room of three costs one post for each message and member at most."""
    rows = list(measure_rooms(cells=((3, 20),), seconds=0.2))
    assert [row.linger for row in rows] == [True, False]
    assert all(0 < row.posts_per_delivered <= 1 for row in rows)
    assert all(0 < row.p50_ms <= row.p99_ms for row in rows)


def test_a_first_call_is_measured_in_a_process_of_its_own() -> None:
    """Import and first call take their time, and the handler succeeds."""
    [row] = cold.measure(handlers=("broadcast",), rounds=1)
    assert row.handler == "broadcast"
    assert row.import_ms > 0
    assert row.first_call_ms > 0


def test_memory_is_measured_over_the_baseline() -> None:
    """Posting takes some memory, and far less than a Lambda function has."""
    [row] = memory.measure(clients=("fanfare",), posts=50)
    assert 0 <= row.memory_mb < 100
