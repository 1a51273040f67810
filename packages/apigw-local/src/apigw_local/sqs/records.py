"""Events of SQS records, and the failures in a function's answer."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mypy_boto3_sqs.type_defs import MessageAttributeValueOutputTypeDef, MessageTypeDef


def event(messages: Iterable[MessageTypeDef], queue_arn: str) -> dict[str, Any]:
    """Build the event that Lambda hands over for messages received from a queue.

    The shape is that of https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html: keys in
    camel case, and every attribute a string.
    """
    region = queue_arn.split(":")[3]
    return {"Records": [_record(message, queue_arn, region) for message in messages]}


def unprocessed(answer: Any, message_ids: Collection[str]) -> set[str]:
    """Return the ids that a function's answer reports as not processed.

    Nothing is reported by an empty or null answer, nor by an empty or null list. An answer that
    Lambda can't use fails the whole batch: another shape, an identifier that is missing, empty
    or unknown.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    if not answer:
        return set()
    failures = answer.get("batchItemFailures") or [] if isinstance(answer, dict) else None
    if not isinstance(failures, list):
        return set(message_ids)
    reported = {
        str(item.get("itemIdentifier")) if isinstance(item, dict) else "" for item in failures
    }
    known = {identifier for identifier in message_ids if identifier in reported}
    return known if len(known) == len(reported) else set(message_ids)


def _record(message: MessageTypeDef, queue_arn: str, region: str) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": _message_attributes(attributes),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": region,
    }
    if attributes:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _message_attributes(
    attributes: Mapping[str, MessageAttributeValueOutputTypeDef],
) -> dict[str, dict[str, Any]]:
    shaped = {}
    for name, value in attributes.items():
        shaped[name] = {
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        }
        if "StringValue" in value:
            shaped[name]["stringValue"] = value["StringValue"]
        if "BinaryValue" in value:
            shaped[name]["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return shaped
