"""Queues that functions read, and other event sources."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

import pytest
from chalice.app import Chalice
from chalice.config import Config

from apigw_local.lambda_.functions import Functions, SqsSource
from apigw_local.sqs import queues

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from gateway_support.scripted import ScriptedFunction, StartMapping


def source(queue: str | None = None, queue_arn: str | None = None) -> SqsSource:
    """Declare a function that reads a queue, as an app does, and may take 20 s."""
    app = Chalice("app")
    app.on_sqs_message(queue=queue, queue_arn=queue_arn, name="reader")(lambda _: None)
    config = Config("dev", config_from_disk={"app_name": "app", "lambda_timeout": 20})
    return Functions(app, config).sqs()[0]


@pytest.mark.parametrize(("suffix", "fifo"), [("", None), (".fifo", "true")])
@pytest.mark.parametrize("prefix", ["", "arn:aws:sqs:eu-central-1:123456789012:"])
def test_a_missing_queue_is_created(
    sqs: SQSClient, caplog: pytest.LogCaptureFixture, prefix: str, suffix: str, fifo: str | None
) -> None:
    """By name or ARN, of the kind that its name tells, and said, as AWS needs it to be there."""
    name = f"{uuid.uuid4().hex}{suffix}"
    reader = source(queue_arn=prefix + name) if prefix else source(queue=name)

    with caplog.at_level(logging.INFO, "apigw_local"):
        url = queues.queue_url(sqs, reader)

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert url.endswith(f"/{name}")
    assert attributes.get("FifoQueue") == fifo
    assert attributes["VisibilityTimeout"] == "120"
    assert f"the queue {name!r}, which no template makes" in caplog.text


def test_a_queue_that_exists_is_taken_as_it_is(
    sqs: SQSClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A queue of a template keeps its attributes, without a hint."""
    name = uuid.uuid4().hex
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "77"})["QueueUrl"]

    with caplog.at_level(logging.INFO, "apigw_local"):
        assert queues.queue_url(sqs, source(queue=name)) == url

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "77"}
    assert caplog.text == ""


def test_batches_of_a_standard_queue_run_side_by_side(
    sqs: SQSClient, function: ScriptedFunction, start_mapping: StartMapping
) -> None:
    """Nothing keeps a batch back while another is in flight, so that no order is promised."""
    url = queues.queue_url(sqs, source(queue=uuid.uuid4().hex))
    for text in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=text)
    start_mapping(url, batch_size=1)

    invocations = [function.next() for _ in range(3)]
    for invocation in reversed(invocations):
        invocation.succeed()

    assert {body for invocation in invocations for body in invocation.bodies} == {
        "one",
        "two",
        "three",
    }


def test_what_nothing_triggers_here_is_named() -> None:
    """Each function of another source is named with that, and those of queues and times not."""
    app = Chalice("app")
    app.on_sqs_message(queue="queue", name="queued")(lambda _: None)
    app.schedule("rate(1 hour)", name="timed")(lambda _: None)
    app.on_sns_message(topic="topic", name="told")(lambda _: None)
    app.on_s3_event(bucket="bucket", name="stored")(lambda _: None)
    app.on_kinesis_record(stream="stream", name="streamed")(lambda _: None)
    app.on_dynamodb_record(stream_arn="arn:aws:dynamodb:x", name="written")(lambda _: None)
    app.on_cw_event({"source": ["aws.ec2"]}, name="watched")(lambda _: None)

    assert Functions(app, Config(config_from_disk={"app_name": "app"})).not_run() == [
        "told (SNS)",
        "stored (S3)",
        "streamed (Kinesis)",
        "written (DynamoDB)",
        "watched (CloudWatch)",
    ]
