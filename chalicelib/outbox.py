"""The SQS FIFO queue between accepting a message and broadcasting it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Protocol

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError
from chalicelib.model import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient


class Job(msgspec.Struct, frozen=True, tag="message"):
    """Broadcast one message.

    Attributes:
        message: what to broadcast.
        api_id: the WebSocket API to post through: an SQS event doesn't tell it.
        stage: that API's stage.
    """

    message: Message
    api_id: str
    stage: str


class Outbox(Protocol):
    """Where accepted messages wait for the broadcast, in order within each room."""

    def publish(self, job: Job) -> None:
        """Queue a job once; a second one with the same message id within 5 minutes is the same.

        Raises:
            UnavailableError: the queue did not take it, and may or may not hold it.
        """


class SqsOutbox:
    """The outbox in one FIFO queue, whose message groups are the rooms.

    `queue_url` is called on first use and then kept, so that building this costs no AWS call.
    """

    def __init__(self, client: SQSClient, queue_url: Callable[[], str]) -> None:
        self._client = client
        self._queue_url = queue_url

    def publish(self, job: Job) -> None:
        """See `Outbox.publish`."""
        message = job.message
        try:
            self._client.send_message(
                QueueUrl=self._queue_url(),
                MessageBody=encode(job),
                MessageGroupId=_digest(message.room),
                MessageDeduplicationId=_digest(f"{message.room}\n{message.id}"),
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"The queue did not take a message: {error}") from error


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
    return _decoder.decode(body)


_decoder = msgspec.json.Decoder(Job)


def _digest(text: str) -> str:
    """Fit any text into the 128 ASCII characters of a group or deduplication id."""
    return hashlib.sha256(text.encode()).hexdigest()
