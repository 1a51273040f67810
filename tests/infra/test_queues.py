"""Dead letters get another try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from infra.queues import redrive
from tests import resources
from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    """SQS, with the queues."""
    with mock_aws():
        resources.create(PROJECT)
        yield resources.client("sqs")


def test_all_letters_go_back_into_their_groups(sqs: SQSClient) -> None:
    """However many there are, in their order, and none stays."""
    dead = sqs.get_queue_url(QueueName=resources.DEAD_LETTER_QUEUE)["QueueUrl"]
    queue = sqs.get_queue_url(QueueName=resources.QUEUE)["QueueUrl"]
    for number in range(25):
        sqs.send_message(
            QueueUrl=dead,
            MessageBody=str(number),
            MessageGroupId=f"room {number % 2}",
            MessageDeduplicationId=str(number),
        )
    assert redrive(sqs, dead, queue) == 25
    back: dict[str, list[int]] = {}
    while letters := sqs.receive_message(
        QueueUrl=queue, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
    ).get("Messages"):
        for letter in letters:
            group = back.setdefault(letter["Attributes"]["MessageGroupId"], [])
            group.append(int(letter["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])
    assert back == {"room 0": list(range(0, 25, 2)), "room 1": list(range(1, 25, 2))}
    assert redrive(sqs, dead, queue) == 0
