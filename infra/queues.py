"""Dead letters: what could not be told, back into the queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def redrive(client: SQSClient, dead_letter_queue: str, queue: str) -> int:
    """Move all dead letters to the queue, each into the group it came from; return how many.

    Not by StartMessageMoveTask, which goes by a letter's source queue: what the broadcast could
    not read it has put there itself
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html).
    Killed at any point, it loses none: a letter is deleted after it has been sent, and its id
    lets the queue drop the second copy for 5 minutes.

    Args:
        client: SQS.
        dead_letter_queue: URL of the queue that they are in.
        queue: URL of the queue to put them into.
    """
    started = time.time() * 1000
    moved = 0
    while letters := client.receive_message(
        QueueUrl=dead_letter_queue,
        MaxNumberOfMessages=10,
        MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
    ).get("Messages"):
        old = [one for one in letters if int(one["Attributes"]["SentTimestamp"]) <= started]
        for letter in old:
            client.send_message(
                QueueUrl=queue,
                MessageBody=letter["Body"],
                MessageGroupId=letter["Attributes"]["MessageGroupId"],
                # Its first id could still be known there, and the letter be dropped as repeated.
                MessageDeduplicationId=letter["MessageId"],
            )
            client.delete_message(QueueUrl=dead_letter_queue, ReceiptHandle=letter["ReceiptHandle"])
        moved += len(old)
        if len(old) < len(letters):
            _put_back(client, dead_letter_queue, [one for one in letters if one not in old])
            break
    return moved


def _put_back(client: SQSClient, queue: str, letters: list[MessageTypeDef]) -> None:
    """Show letters again at once: they have been tried again, and have come back."""
    for letter in letters:
        client.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
        )
