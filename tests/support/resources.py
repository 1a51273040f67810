"""Creates what infra/resources.json describes, through the services' own APIs.

For moto, whose CloudFormation would bring a dozen packages along; the local runtime and the
deployment use CloudFormation itself.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Literal, overload

import boto3

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

TABLE = "fanfare-dev"
QUEUE = "fanfare-dev.fifo"
DEAD_LETTER_QUEUE = "fanfare-dev-dead.fifo"


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session()


@overload
def client(service: Literal["dynamodb"]) -> DynamoDBClient: ...
@overload
def client(service: Literal["sqs"]) -> SQSClient: ...
def client(service: Literal["dynamodb", "sqs"]) -> DynamoDBClient | SQSClient:
    """Make a client on a session that all tests share, since a new one reads megabytes of JSON."""
    return _session().client(service)


def create(project: Path) -> None:
    """Create the table and the queues under the names of stage dev."""
    create_table(project, TABLE)
    for queue in (QUEUE, DEAD_LETTER_QUEUE):
        client("sqs").create_queue(QueueName=queue, Attributes={"FifoQueue": "true"})


def create_table(project: Path, name: str) -> None:
    """Create the table under a name."""
    resources = json.loads((project / "infra/resources.json").read_text())["Resources"]
    properties = resources["Table"]["Properties"]
    client("dynamodb").create_table(
        TableName=name,
        BillingMode=properties["BillingMode"],
        AttributeDefinitions=properties["AttributeDefinitions"],
        KeySchema=properties["KeySchema"],
    )
