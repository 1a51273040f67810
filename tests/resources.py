"""Creates what infra/resources.json describes, through the services' own APIs.

For moto, whose CloudFormation would bring a dozen packages along; the local runtime and the
deployment use CloudFormation itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "fanfare-dev"
QUEUE = "fanfare-dev.fifo"


def create(project: Path) -> None:
    """Create the table and the queue under the names of stage dev."""
    resources = json.loads((project / "infra/resources.json").read_text())["Resources"]
    properties = resources["Table"]["Properties"]
    boto3.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode=properties["BillingMode"],
        AttributeDefinitions=properties["AttributeDefinitions"],
        KeySchema=properties["KeySchema"],
    )
    boto3.client("sqs").create_queue(QueueName=QUEUE, Attributes={"FifoQueue": "true"})
