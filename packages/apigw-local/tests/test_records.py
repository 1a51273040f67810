"""The event of a queue, and the reading of a function's answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from apigw_local.sqs import records

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from gateway_support.scripted import MakeQueue

IDS = ("first", "second", "third")


def test_a_record_has_the_shape_that_lambda_gives_it(sqs: SQSClient, make_queue: MakeQueue) -> None:
    """Keys are in camel case, attributes are strings, and binary values are in base64."""
    queue_url = make_queue()
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    queue_arn = arn["Attributes"]["QueueArn"]
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody="hello",
        MessageGroupId="room",
        MessageDeduplicationId="once",
        MessageAttributes={
            "text": {"DataType": "String", "StringValue": "words"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    messages = sqs.receive_message(
        QueueUrl=queue_url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]

    [record] = records.event(messages, queue_arn)["Records"]

    attributes = record.pop("attributes")
    assert record == {
        "messageId": messages[0]["MessageId"],
        "receiptHandle": messages[0]["ReceiptHandle"],
        "body": "hello",
        "md5OfBody": "5d41402abc4b2a76b9719d911017c592",
        "messageAttributes": {
            "text": {
                "stringValue": "words",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "String",
            },
            "bytes": {
                "binaryValue": "AP8=",
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": "Binary",
            },
        },
        "md5OfMessageAttributes": messages[0]["MD5OfMessageAttributes"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": "eu-central-1",
    }
    assert attributes.keys() == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageGroupId",
        "SenderId",
        "MessageDeduplicationId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert all(isinstance(value, str) for value in attributes.values())
    assert len(attributes["SequenceNumber"]) == 20


@pytest.mark.parametrize(
    "answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}]
)
def test_nothing_reported_is_complete_success(answer: Any) -> None:
    """An empty or null answer or list reports no failure."""
    assert records.unprocessed(answer, IDS) == set()


def test_reported_identifiers_are_the_unprocessed_ones() -> None:
    """The ids of an answer of the right shape are taken as they are."""
    answer = {"batchItemFailures": [{"itemIdentifier": "second"}, {"itemIdentifier": "third"}]}

    assert records.unprocessed(answer, IDS) == {"second", "third"}


@pytest.mark.parametrize(
    "answer",
    [
        "not an object",
        {"batchItemFailures": "second"},
        {"batchItemFailures": ["second"]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        {"batchItemFailures": [{"itemIdentifier": "second"}, {"itemId": "third"}]},
    ],
)
def test_an_answer_of_no_use_fails_the_whole_batch(answer: Any) -> None:
    """A misshapen answer, or one that names no record of the batch, reports every record."""
    assert records.unprocessed(answer, IDS) == set(IDS)
