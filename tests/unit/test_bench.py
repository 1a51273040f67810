"""The benchmark's command line, and what it prints."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from bench import __main__ as command
from bench import cold, gateway, memory, report
from bench.broadcast import Row as BroadcastRow
from bench.broadcast import measure as measure_broadcast
from bench.busy_rooms import measure as measure_rooms
from bench.stub import end_of_request


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


@pytest.mark.parametrize(
    ("value", "cell"), [(True, "yes"), (12_345, "12,345"), (1234.5, "1,234.5"), (0.073, "0.073")]
)
def test_a_cell_keeps_the_digits_of_its_value(value: float, cell: str) -> None:
    """A rounded value of a row is shown as it is, and never in powers of ten."""
    assert report.table([{"x": value}]).split() == ["x", cell]


def test_the_server_answers_a_whole_request_once() -> None:
    """A body that comes after its head makes no second request, however the bytes are cut."""
    request = b"POST /a HTTP/1.1\r\nHost: b\r\ncontent-length: 3\r\n\r\nabc"
    for cut in range(len(request)):
        assert end_of_request(request[:cut]) == 0
    assert end_of_request(request) == end_of_request(request + request) == len(request)


def test_a_request_without_a_length_ends_with_its_head() -> None:
    """A DELETE has no body, and what follows it is the next request."""
    request = b"DELETE /a HTTP/1.1\r\nHost: b\r\n\r\n"
    assert end_of_request(request + b"POST /a HTTP/1.1\r\nContent-Length: 9") == len(request)


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


@pytest.mark.timeout(300)
def test_a_first_call_is_measured_in_a_process_of_its_own() -> None:
    """Import and first call take processor time, and every handler of the zip succeeds.

    Once with its compiled files, and once without; the sample is not in the zip.
    """
    rows = list(cold.measure(rounds=1))
    measured = [(row.handler, row.compiled) for row in rows]
    assert [handler for handler, compiled in measured if compiled] == list(cold.HANDLERS)
    ours = [handler for handler in cold.HANDLERS if not handler.startswith("sample")]
    assert [handler for handler, compiled in measured if not compiled] == ours
    for row in rows:
        assert row.import_ms > 0
        assert row.first_call_ms > 0
        assert row.first_call_at_share_ms == pytest.approx(row.first_call_ms / cold.SHARE, abs=0.5)
        assert 10 < row.peak_mb < 200


def test_memory_is_measured_over_the_baseline() -> None:
    """The memory of the measuring process, here a test run's, hides nothing of the peak."""
    [row] = memory.measure(clients=("fanfare",), posts=50)
    assert 0 < row.memory_mb < 100


def test_the_local_gateway_is_measured_with_every_post_arriving() -> None:
    """Signed posts reach all of its connections, and the process takes some memory for them."""
    [row] = gateway.measure(connections=(7,), posts=70)
    assert (row.connections, row.posts) == (7, 70)
    assert row.posts_per_second > 0
    assert 0 < row.memory_mb < 400
