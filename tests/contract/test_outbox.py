"""What the queue does with jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from chalicelib import outbox
from chalicelib.errors import UnavailableError
from chalicelib.model import ConnectionId, Message, RoomId, UserId
from chalicelib.outbox import Job, SqsOutbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


def job(text: str = "hi", message_id: str = "1", room: str = "lobby") -> Job:
    """A job to broadcast a text."""
    message = Message(
        id=message_id,
        room=RoomId(room),
        type="chat",
        text=text,
        user_id=UserId("user-1"),
        username="Ada",
        sender=ConnectionId("PJqB0fHsqRcCHlw="),
        sent_at=1_795_543_906_000,
    )
    return Job(message=message, api_id="a1b2c3d4e5", stage="api")


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    """An SQS without any queue."""
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def queue_url(sqs: SQSClient) -> str:
    """An empty FIFO queue."""
    return sqs.create_queue(QueueName="jobs.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


def received(sqs: SQSClient, queue_url: str) -> list[Job]:
    """Every job that the queue hands over now."""
    messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
    return [outbox.decode(message["Body"]) for message in messages]


@pytest.mark.parametrize("text", ["hi", "£ 😀 漢字", "\x00\x1f\ufffe\uffff", '"\\</script>', ""])
def test_a_job_arrives_as_it_was_published(sqs: SQSClient, queue_url: str, text: str) -> None:
    """Any text that JSON can carry survives the queue, characters that XML lacks included."""
    SqsOutbox(sqs, lambda: queue_url).publish(job(text))
    assert received(sqs, queue_url) == [job(text)]
    assert outbox.encode(job(text)).isascii()


def test_one_message_id_is_one_message(sqs: SQSClient, queue_url: str) -> None:
    """The same id in the same room is queued once, and in another room it is another message."""
    box = SqsOutbox(sqs, lambda: queue_url)
    box.publish(job("first", message_id="7"))
    box.publish(job("again", message_id="7"))
    box.publish(job("elsewhere", message_id="7", room="attic"))
    assert {arrived.message.text for arrived in received(sqs, queue_url)} == {"first", "elsewhere"}


def test_a_queue_that_fails_is_unavailable(sqs: SQSClient, queue_url: str) -> None:
    """An AWS error becomes the project's own, so that the sender can be told."""
    sqs.delete_queue(QueueUrl=queue_url)
    with pytest.raises(UnavailableError, match="did not take"):
        SqsOutbox(sqs, lambda: queue_url).publish(job())
