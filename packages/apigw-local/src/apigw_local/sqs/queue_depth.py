"""How much waits in a queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Depth:
    """What a queue holds; SQS calls each figure approximate.

    Attributes:
        queue: the queue's name.
        visible: messages that can be received.
        in_flight: those that were received and neither deleted nor made visible again.
        delayed: those that can't be received yet.
        dead_letters: what its dead-letter queue holds, None if it has none.
    """

    queue: str
    visible: int
    in_flight: int
    delayed: int
    dead_letters: int | None


def measure(client: SQSClient, queue_url: str) -> Depth:
    """Ask SQS.

    Raises:
        botocore.exceptions.BotoCoreError: it does not answer.
        botocore.exceptions.ClientError: it knows no such queue.
    """
    attributes = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])[
        "Attributes"
    ]
    dead_letters = None
    if policy := attributes.get("RedrivePolicy"):
        name = json.loads(policy)["deadLetterTargetArn"].rpartition(":")[2]
        url = client.get_queue_url(QueueName=name)["QueueUrl"]
        dead_letters = measure(client, url).visible
    return Depth(
        attributes["QueueArn"].rpartition(":")[2],
        int(attributes["ApproximateNumberOfMessages"]),
        int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        int(attributes["ApproximateNumberOfMessagesDelayed"]),
        dead_letters,
    )
