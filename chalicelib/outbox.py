"""The SQS FIFO queue between accepting something and telling it to the members of a room."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.bulletin import Bulletin
from chalicelib.errors import UnavailableError
from chalicelib.model import (
    Census,
    ConnectionId,
    Member,
    Message,
    Numbered,
    Origin,
    RoomId,
    Span,
    User,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_sqs import SQSClient

    from chalicelib.events import QueueRecord


RECEIVE_BATCH: Final = 10
"""Records of one delivery to a function: a FIFO queue's mapping allows no more.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

MAXIMUM_CONCURRENCY: Final = 200
"""Broadcasts at a time; .chalice/config.json reserves as many on prod.

More than are reserved would be throttled. A throttled batch counts as delivered, and what has been
delivered too often is a dead letter (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
A few broadcasts keep the account's quota of posts busy; the others are for rooms that linger.
"""

BATCH_ENTRIES: Final = 10
BATCH_BYTES: Final = 1024 * 1024
"""What one SendMessageBatch holds.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""


class _Job(msgspec.Struct, frozen=True):
    """Something to tell a room.

    Attributes:
        origin: where to post: an SQS event doesn't tell it.
        room: the room to tell.
        id: what makes two jobs of a room the same one to the queue, for 5 minutes.
    """

    origin: Origin
    room: RoomId
    id: str

    @property
    def group(self) -> str:
        """Jobs of one group are carried out in order, one batch at a time."""
        return self.room


class MessageJob(_Job, frozen=True, tag="message"):
    """Number a message, and tell it."""

    message: Message


class SignalJob(_Job, frozen=True, tag="signal"):
    """Tell a signal; `data` is JSON."""

    data: str
    user: User
    sender: ConnectionId


class PresenceJob(_Job, frozen=True, tag="presence"):
    """Tell who came and who went."""

    joined: tuple[User, ...] = ()
    left: tuple[User, ...] = ()


class FanoutJob(_Job, frozen=True, tag="fanout"):
    """Tell a bulletin to the members of a span, as they are by a census that counts them."""

    bulletin: Bulletin
    span: Span
    census: Census

    @property
    def group(self) -> str:
        """A group for each span, so that spans go on side by side, each in its order."""
        return f"{self.room}\n{self.span}"


class RetryJob(_Job, frozen=True, tag="retry"):
    """Tell some members again what they could not be told before."""

    messages: tuple[Numbered, ...]
    members: tuple[Member, ...]
    attempt: int

    @property
    def group(self) -> str:
        """A group of its own, so that the room does not wait: the numbers give the order."""
        return f"{self.room}\nretry"


Job = MessageJob | SignalJob | PresenceJob | FanoutJob | RetryJob


class Outbox(Protocol):
    """Where jobs wait for the broadcast, in order within each group.

    Every method raises `UnavailableError` when the queue does not answer; what was asked may have
    been done nevertheless.
    """

    def publish(self, job: Job) -> None:
        """Queue a job, unless one with its id was queued for the room within the last 5 minutes."""

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """Queue jobs like `publish`; when it fails, any of them may be queued."""

    def bury(self, record: QueueRecord, reason: str) -> None:
        """Put what can't be carried out where people look at it, with the reason."""

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """Take records that are done off the queue, whatever becomes of the rest of their batch."""

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """Let records come again after some time, instead of the queue's visibility timeout."""


class SqsOutbox:
    """The outbox in one FIFO queue and its dead-letter queue.

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
        """See `Outbox.publish`."""
        with _available("take a job"):
            self._client.send_message(
                QueueUrl=self._queue_url(),
                MessageBody=encode(job),
                MessageGroupId=_digest(job.group),
                MessageDeduplicationId=_digest(f"{job.room}\n{job.id}"),
            )

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `Outbox.publish_all`."""
        with _available("take jobs"):
            for batch in _batches([(job, encode(job)) for job in jobs]):
                answer = self._client.send_message_batch(
                    QueueUrl=self._queue_url(),
                    Entries=[
                        {
                            "Id": str(number),
                            "MessageBody": body,
                            "MessageGroupId": _digest(job.group),
                            "MessageDeduplicationId": _digest(f"{job.room}\n{job.id}"),
                        }
                        for number, (job, body) in enumerate(batch)
                    ],
                )
                if answer.get("Failed"):
                    raise UnavailableError(f"The queue refused {len(answer['Failed'])} jobs.")

    def bury(self, record: QueueRecord, reason: str) -> None:
        """See `Outbox.bury`."""
        with _available("take a dead letter"):
            self._client.send_message(
                QueueUrl=self._dead_letter_queue_url(),
                MessageBody=record.body,
                MessageGroupId=record.message_id,
                MessageDeduplicationId=record.message_id,
                MessageAttributes={"reason": {"DataType": "String", "StringValue": reason}},
            )

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `Outbox.delete`."""
        with _available("delete records"):
            self._client.delete_message_batch(
                QueueUrl=self._queue_url(),
                Entries=[
                    {"Id": str(number), "ReceiptHandle": record.receipt_handle}
                    for number, record in enumerate(records)
                ],
            )

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """See `Outbox.delay`."""
        with _available("delay records"):
            self._client.change_message_visibility_batch(
                QueueUrl=self._queue_url(),
                Entries=[
                    {
                        "Id": str(number),
                        "ReceiptHandle": record.receipt_handle,
                        "VisibilityTimeout": seconds,
                    }
                    for number, record in enumerate(records)
                ],
            )


@contextmanager
def _available(task: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise UnavailableError(f"The queue did not {task}: {error}") from error


def _batches(jobs: Sequence[tuple[Job, str]]) -> Iterator[list[tuple[Job, str]]]:
    batch: list[tuple[Job, str]] = []
    size = 0
    for job, body in jobs:
        if batch and (len(batch) == BATCH_ENTRIES or size + len(body) > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((job, body))
        size += len(body)
    if batch:
        yield batch


def encode(job: Job) -> str:
    """Write a job as the body of an SQS message.

    In ASCII: SQS refuses characters that XML 1.0 has no place for, such as U+FFFE, which people
    may well send (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
    """
    return json.dumps(msgspec.to_builtins(job), separators=(",", ":"))


def decode(body: str) -> Job:
    """Read a job back from the body of an SQS message.

    Raises:
        msgspec.DecodeError: it is no job.
    """
    job: Job = _decoder.decode(body)
    return job


_decoder = msgspec.json.Decoder(Job)


def _digest(text: str) -> str:
    """Fit any text into the 128 ASCII characters of a group or deduplication id."""
    return hashlib.sha256(text.encode()).hexdigest()
