"""What besides HTTP and WebSockets runs an app's functions: queues, schedules and the rest."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from botocore.config import Config as ClientConfig
from chalice.app import ScheduledEventConfig, SQSEventConfig

from apigw_local.console import hints
from apigw_local.sqs.event_source_mapping import EventSourceMapping

if TYPE_CHECKING:
    import boto3
    from chalice.app import Chalice
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from apigw_local.faults import Chaos
    from apigw_local.lambda_.functions import SqsSource

_log = logging.getLogger("apigw_local.sqs.event_sources")

_MAXIMUM_CONCURRENCY = 64  # batches in flight; one poller at a time asks the queue
_RECEIVE_LIMIT = 10


def map_queue(session: boto3.Session, source: SqsSource, chaos: Chaos) -> EventSourceMapping:
    """Make the mapping between a queue and its function; a queue that is missing is made too.

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
        chaos=chaos,
    )


def queue_url(client: SQSClient, source: SqsSource) -> str:
    """Return the URL of a source's queue, which is made as its name tells if there is none.

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


def not_run(app: Chalice) -> list[str]:
    """Name the functions that nothing here runs, each with what would run it on AWS."""
    return [
        f"{source.name} ({type(source).__name__.removesuffix('EventConfig')})"
        for source in app.event_sources
        if not isinstance(source, SQSEventConfig | ScheduledEventConfig)
    ]


def _name(source: SqsSource) -> str:
    """The name of a source's queue, which its decorator gives as it is or in an ARN."""
    return source.queue.rpartition(":")[2]
