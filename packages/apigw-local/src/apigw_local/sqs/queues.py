"""Queues that functions read: found or created, mapped to the function, measured."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.config import Config as ClientConfig

from apigw_local.console import hints
from apigw_local.sqs.event_source_mapping import EventSourceMapping

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from apigw_local.faults import FaultSettings
    from apigw_local.lambda_.functions import SqsSource

_log = logging.getLogger("apigw_local.sqs.queues")

_MAXIMUM_CONCURRENCY = 64  # batches in flight; one poller at a time asks the queue
_RECEIVE_LIMIT = 10


@dataclass(frozen=True)
class Depth:
    """Messages in a queue; SQS calls each figure approximate.

    Attributes:
        queue: the queue's name.
        visible: messages that can be received.
        in_flight: messages received and neither deleted nor made visible again.
        delayed: messages that can't be received yet.
        dead_letters: messages visible in its dead-letter queue, None if it has none.
    """

    queue: str
    visible: int
    in_flight: int
    delayed: int
    dead_letters: int | None


def map_queue(
    session: boto3.Session, source: SqsSource, fault_settings: FaultSettings
) -> EventSourceMapping:
    """Return the mapping of a queue to its function; a missing queue is created.

    Raises:
        botocore.exceptions.ClientError: the queue can't be had.
    """
    reader, queue = source.function.name, _name(source)
    concurrency = source.maximum_concurrency or _MAXIMUM_CONCURRENCY
    client = session.client(
        "sqs",
        config=ClientConfig(
            max_pool_connections=concurrency,
            connect_timeout=2,
            read_timeout=5,
            retries={"total_max_attempts": 1},  # the mapping itself tries again
        ),
    )
    if source.batch_size > _RECEIVE_LIMIT:
        _log.info(hints.small_batches(reader, source.batch_size, _RECEIVE_LIMIT))
    if source.window_seconds:
        _log.info(hints.no_window(reader, queue, source.window_seconds))
    return EventSourceMapping(
        client,
        queue_url(client, source),
        source.function,
        batch_size=source.batch_size,
        maximum_concurrency=concurrency,
        fault_settings=fault_settings,
    )


def queue_url(client: SQSClient, source: SqsSource) -> str:
    """Return the URL of a source's queue, created if there is none.

    Raises:
        botocore.exceptions.ClientError: it can't be made.
    """
    name = _name(source)
    try:
        return client.get_queue_url(QueueName=name)["QueueUrl"]
    except client.exceptions.QueueDoesNotExist:
        _log.info(hints.queue_made(source.function.name, name))
    # Lambda takes no queue that shows a message again while its function may still run:
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    attributes: dict[QueueAttributeNameType, str] = {
        "VisibilityTimeout": f"{6 * source.function.timeout:.0f}"
    }
    if name.endswith(".fifo"):
        attributes["FifoQueue"] = "true"
    return client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def depth(client: SQSClient, queue_url: str) -> Depth:
    """Ask SQS for the depth of a queue.

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
        dead_letters = depth(client, url).visible
    return Depth(
        attributes["QueueArn"].rpartition(":")[2],
        int(attributes["ApproximateNumberOfMessages"]),
        int(attributes["ApproximateNumberOfMessagesNotVisible"]),
        int(attributes["ApproximateNumberOfMessagesDelayed"]),
        dead_letters,
    )


def _name(source: SqsSource) -> str:
    """Return the name of a source's queue, which its decorator gives as it is or in an ARN."""
    return source.queue.rpartition(":")[2]
