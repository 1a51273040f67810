"""Dead letters get another try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from infra.queues import redrive
from tests.support import resources, strict
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    """SQS, with the queues."""
    with mock_aws():
        resources.create(PROJECT)
        yield resources.client("sqs")


def urls(sqs: SQSClient) -> list[str]:
    """The URLs of the dead-letter queue and of the queue."""
    names = (resources.DEAD_LETTER_QUEUE, resources.QUEUE)
    return [sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in names]


def send(sqs: SQSClient, queue: str, body: str, *, group: str = "room") -> None:
    """Put a letter into a queue."""
    sqs.send_message(
        QueueUrl=queue, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body
    )


def test_all_letters_go_back_into_their_groups(sqs: SQSClient) -> None:
    """However many there are, in their order, and none stays."""
    dead, queue = urls(sqs)
    for number in range(25):
        send(sqs, dead, str(number), group=f"room {number % 2}")
    assert redrive(sqs, dead, queue, poll_seconds=0) == (25, 0)
    back: dict[str, list[int]] = {}
    while letters := sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for letter in letters:
            group = back.setdefault(letter["Attributes"]["MessageGroupId"], [])
            group.append(int(letter["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])
    assert back == {"room 0": list(range(0, 25, 2)), "room 1": list(range(1, 25, 2))}
    assert redrive(sqs, dead, queue, poll_seconds=0) == (0, 0)


def test_letters_that_somebody_looks_at_are_waited_for(sqs: SQSClient) -> None:
    """An interrupted redrive, or whoever reads them, has them for a while; then they move."""
    dead, queue = urls(sqs)
    send(sqs, dead, "1")
    sqs.receive_message(QueueUrl=dead, VisibilityTimeout=1)
    assert redrive(sqs, dead, queue, poll_seconds=1, polls=20) == (1, 0)


def test_letters_out_of_reach_are_told(sqs: SQSClient) -> None:
    """Nothing moved is not the same as nothing there."""
    dead, queue = urls(sqs)
    send(sqs, dead, "1")
    sqs.receive_message(QueueUrl=dead, VisibilityTimeout=600)
    assert redrive(sqs, dead, queue, poll_seconds=0, polls=2) == (0, 1)


def test_no_server_of_the_queue_is_overlooked(sqs: SQSClient) -> None:
    """A short poll may find nothing where letters wait, so each poll has a wait."""
    dead, queue = urls(sqs)
    send(sqs, dead, "1")
    strict.overlook(sqs.meta.events)
    assert redrive(sqs, dead, queue, poll_seconds=1) == (1, 0)
