"""Records that can't be read, and the rest of their batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from chalicelib.adapters.sqs import REASON_CHARACTERS, SqsJobQueue
from chalicelib.core.errors import BatchError, UnavailableError
from chalicelib.core.events import QueueEvent, QueueRecord
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.support.fake_meter import FakeMeter
from tests.support.fakes import MemoryJobQueue, MemoryStore
from tests.support.strict_sqs import FORBIDDEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from chalicelib.core.ports.authenticator import Authenticator


NOW = 1_795_543_903.0


class _Outbox(MemoryJobQueue):
    """Buries one record only, and deletes none."""

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """Fail for the second record."""
        if record.message_id == "2":
            raise UnavailableError("no answer")
        super().dead_letter(record, reason)

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """Fail always."""
        raise UnavailableError(f"{len(records)} refused")


class _Queue:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def send_message(self, **arguments: Any) -> None:
        """Take a message."""
        self.sent.append(arguments)


def _record(number: int) -> QueueRecord:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(NOW * 1000))}
    return QueueRecord(str(number), str(number), "{", attributes)


def test_a_refused_deletion_does_not_keep_the_failed_records_waiting() -> None:
    """A failed record comes again soon, though the done ones could not be deleted."""
    store, job_queue = MemoryStore(lambda: NOW), _Outbox()
    adapters = Adapters(
        store, job_queue, cast("Any", None), cast("Authenticator", None)
    )  # no job is told
    runtime = Runtime(FakeMeter(), lambda: NOW, sleep=lambda _: None)
    broadcast = UseCases(adapters, runtime).broadcast
    with pytest.raises(BatchError, match="visibility timeout, and 1 that are done may"):
        broadcast.handle(QueueEvent([_record(1), _record(2)]), 30.0)
    assert [(record.message_id, seconds) for record, seconds in job_queue.delayed] == [("2", 2)]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("Invalid value at `$.room`.", "Invalid value at `$.room`."),
        ("x" * 100_000, "x" * REASON_CHARACTERS),
        ("a\x00b\x1bc\ufffed\ud800e\tf😀", "abcde\tf😀"),
        ("\x00", "unknown"),
        ("", "unknown"),
    ],
)
def test_any_reason_fits_into_an_attribute(reason: str, kept: str) -> None:
    """It is cut to 256 characters, without those that SQS refuses, and never empty."""
    queue = _Queue()
    job_queue = SqsJobQueue(cast("SQSClient", queue), lambda: "jobs", lambda: "dead")
    job_queue.dead_letter(_record(1), reason)
    [sent] = queue.sent
    value = sent["MessageAttributes"]["reason"]["StringValue"]
    assert value == kept
    assert not FORBIDDEN.search(value)
