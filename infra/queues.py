"""Dead letters: what could not be told, back into the queue."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from chalicelib.adapters.sqs import held

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

POLL_SECONDS: Final = 5
"""Any wait makes SQS ask all of its servers; without one it may overlook the few letters it has.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-short-and-long-polling.html
"""

PATIENCE_SECONDS: Final = 40
"""Letters that somebody has received are back after the queue's visibility timeout, 30 s."""


class Redrive(NamedTuple):
    """Numbers of letters that went back into the queue, and that were still out of reach."""

    moved: int
    left: int


def redrive(
    client: SQSClient,
    dead_letter_queue: str,
    queue: str,
    *,
    poll_seconds: int = POLL_SECONDS,
    polls: int = PATIENCE_SECONDS // POLL_SECONDS,
) -> Redrive:
    """Move all dead letters to the queue, each into the group it came from.

    Not by StartMessageMoveTask, which goes by a letter's source queue: what the broadcast could
    not read it has put there itself
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html).
    Killed at any point, it loses none: a letter is deleted after it has been sent, and its id
    lets the queue drop the second copy for 5 minutes.

    Args:
        client: SQS.
        dead_letter_queue: URL of the queue that they are in.
        queue: URL of the queue to put them into.
        poll_seconds: how long to wait for letters at a time.
        polls: how often to find none, while the queue holds some, before giving them up.
    """
    started = time.time() * 1000
    moved = empty = 0
    while True:
        letters = client.receive_message(
            QueueUrl=dead_letter_queue,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=poll_seconds,
            MessageSystemAttributeNames=["MessageGroupId", "SentTimestamp"],
        ).get("Messages", [])
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
            return Redrive(moved, 0)
        if letters:
            continue
        empty += 1
        left = held(client, dead_letter_queue)
        if not left or empty >= polls:
            return Redrive(moved, left)


def _put_back(client: SQSClient, queue: str, letters: list[MessageTypeDef]) -> None:
    """Show letters again at once: they have been tried again, and have come back."""
    for letter in letters:
        client.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"], VisibilityTimeout=0
        )
