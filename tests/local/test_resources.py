"""The stack of the app's resources on the embedded AWS."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from localdev.errors import LocalError
from localdev.resources import Stack, enable_expiry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def stack(aws: dict[str, Any]) -> Iterator[Stack]:
    """A stack that does not exist yet."""
    with closing(boto3.client("cloudformation", **aws)) as client:
        yield Stack(client, f"stack-{uuid.uuid4().hex}")


def template(**resources: dict[str, Any]) -> str:
    """Write a template that takes the stage, as the app's does."""
    return json.dumps({"Parameters": {"Stage": {"Type": "String"}}, "Resources": resources})


def queue(seconds: int, prefix: str) -> dict[str, Any]:
    """Describe a queue with a visibility timeout."""
    name = {"Fn::Sub": f"{prefix}-${{Stage}}"}
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": name, "VisibilityTimeout": seconds},
    }


def test_the_stack_is_made_once_and_then_kept_up_to_date(stack: Stack, sqs: SQSClient) -> None:
    """Deploying again changes nothing, unless the template has changed."""
    prefix = uuid.uuid4().hex
    seen = []
    for seconds in (30, 30, 60):
        stack.deploy(template(Queue=queue(seconds, prefix)), "dev")
        url = sqs.get_queue_url(QueueName=f"{prefix}-dev")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        seen.append(attributes["Attributes"]["VisibilityTimeout"])

    assert seen == ["30", "30", "60"]


def test_a_template_that_fails_is_told(stack: Stack) -> None:
    """The message has the stack's name and what went wrong with which resource."""
    broken = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "never"}}

    with pytest.raises(LocalError, match=r"stack-.* could not be made: Queue: .*Visibility"):
        stack.deploy(template(Queue=broken), "dev")


def test_a_template_that_is_no_json_is_told(stack: Stack) -> None:
    """What the AWS refuses to read is passed on with its reason."""
    with pytest.raises(LocalError, match=r"was refused: .*Template format error"):
        stack.deploy("{bad", "dev")


def test_the_tables_ttl_is_turned_on(stack: Stack, aws: dict[str, Any]) -> None:
    """A table's TimeToLiveSpecification holds, also where CloudFormation leaves it out."""
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        },
    }
    text = template(Table=table)
    stack.deploy(text, "dev")

    with closing(boto3.client("dynamodb", **aws)) as client:
        for _ in range(2):
            enable_expiry(client, stack, text)
        answer = client.describe_time_to_live(TableName=stack.table_name("Table"))

    assert answer["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
