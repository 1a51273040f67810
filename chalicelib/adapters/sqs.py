"""SQS FIFO queue of jobs, between accepting a message and its broadcast."""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import UnavailableError
from chalicelib.core.jobs import QueueDepth, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import (
        ChangeMessageVisibilityBatchRequestEntryTypeDef,
        DeleteMessageBatchRequestEntryTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

    from chalicelib.core.events import QueueRecord
    from chalicelib.core.jobs import Job

_Entry = TypeVar("_Entry", bound="Mapping[str, Any]")

BATCH_ENTRIES: Final = 10
BATCH_BYTES: Final = 1024 * 1024
"""The limits of one batch call; a single message may be as large as a whole batch.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

REASON_CHARACTERS: Final = 256
"""The length of the reason that goes with a dead letter; the record is there for the rest."""

FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Any character that SQS refuses in a body or an attribute.

These are few; to write it as all but the many that SQS takes makes every cold start 5 ms longer.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""


class SqsJobQueue:
    """The job queue in one FIFO queue and its dead-letter queue.

    The URLs are called for on first use and kept, so that building this costs no AWS call.
    """

    def __init__(
        self,
        client: SQSClient,
        queue_url: Callable[[], str],
        dead_letter_queue_url: Callable[[], str],
    ) -> None:
        self._client = client
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url

    def publish(self, job: Job) -> None:
        """See `JobQueue.publish`."""
        with _available("take a job"):
            self._client.send_message(
                QueueUrl=self._queue_url(),
                MessageBody=encode(job),
                MessageGroupId=_digest(job.group),
                MessageDeduplicationId=_digest(f"{job.room}\n{job.id}"),
            )

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue.publish_all`."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(number),
                "MessageBody": encode(job),
                "MessageGroupId": _digest(job.group),
                "MessageDeduplicationId": _digest(f"{job.room}\n{job.id}"),
            }
            for number, job in enumerate(jobs)
        ]
        with _available("take jobs"):
            for batch in _batches(entries):
                _check(self._client.send_message_batch(QueueUrl=self._queue_url(), Entries=batch))

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """See `JobQueue.dead_letter`."""
        # An attribute must not be empty.
        text = FORBIDDEN.sub("", reason)[:REASON_CHARACTERS] or "unknown"
        with _available("take a dead letter"):
            self._client.send_message(
                QueueUrl=self._dead_letter_queue_url(),
                MessageBody=record.body,
                MessageGroupId=record.message_id,
                MessageDeduplicationId=record.message_id,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": text}},
            )

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `JobQueue.delete`."""
        entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "ReceiptHandle": record.receipt_handle}
            for number, record in enumerate(records)
        ]
        with _available("delete records"):
            for batch in _batches(entries):
                _check(self._client.delete_message_batch(QueueUrl=self._queue_url(), Entries=batch))

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """See `JobQueue.delay`."""
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {
                "Id": str(number),
                "ReceiptHandle": record.receipt_handle,
                "VisibilityTimeout": seconds,
            }
            for number, record in enumerate(records)
        ]
        with _available("delay records"):
            for batch in _batches(entries):
                _check(
                    self._client.change_message_visibility_batch(
                        QueueUrl=self._queue_url(), Entries=batch
                    )
                )

    def waiting(self) -> QueueDepth:
        """See `JobQueue.waiting`."""
        with _available("tell how many records wait"):
            return QueueDepth(
                held(self._client, self._queue_url()),
                held(self._client, self._dead_letter_queue_url()),
            )


def held(client: SQSClient, queue_url: str) -> int:
    """Return about how many messages a queue holds, those that somebody has received included.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/confirm-queue-is-empty.html
    """
    counts = client.get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return sum(map(int, counts.values()))


class _RefusedError(Exception):
    """Entries of a batch failed."""


@contextmanager
def _available(task: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, _RefusedError) as error:
        raise UnavailableError(f"The queue did not {task}: {error}") from error


def _check(answer: Mapping[str, Any]) -> None:
    """Raise for failed entries: the call itself succeeds even when every entry fails."""
    if failed := answer.get("Failed"):
        first = failed[0]
        raise _RefusedError(
            f"{len(failed)} refused, the first for {first['Code']} ({first.get('Message', '')})"
        )


def _batches(entries: Iterable[_Entry]) -> Iterator[list[_Entry]]:
    """Gather entries, in order, into batches within the limits of one call."""
    batch: list[_Entry] = []
    size = 0
    for entry in entries:
        added = sum(len(str(value).encode()) for value in entry.values())
        if batch and (len(batch) == BATCH_ENTRIES or size + added > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += added
    if batch:
        yield batch


def _digest(text: str) -> str:
    """Fit any text into the 128 ASCII characters of a group or deduplication id."""
    return hashlib.sha256(text.encode()).hexdigest()
