"""A small Chalice app: a page with a counter, and a WebSocket echo that goes through a queue."""

from __future__ import annotations

import functools
import json
import os
import uuid
from typing import TYPE_CHECKING, Any

import boto3
from chalice import Chalice

if TYPE_CHECKING:
    from chalice.app import SQSEvent, WebsocketEvent

VERSION = 1

app = Chalice(app_name="echo")
app.experimental_feature_flags.add("WEBSOCKETS")


@functools.cache
def sqs() -> Any:
    """The queue's client, made on first use."""
    return boto3.client("sqs")


@app.route("/")
def page() -> dict[str, Any]:
    """Count the visitors in the table."""
    answer = boto3.client("dynamodb").update_item(
        TableName=os.environ["ECHO_TABLE"],
        Key={"pk": {"S": "visitors"}},
        UpdateExpression="ADD visits :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
        ReturnValues="UPDATED_NEW",
    )
    keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_REGION", "WEBSOCKET_URL")
    return {
        "version": VERSION,
        "visits": int(answer["Attributes"]["visits"]["N"]),
        "environment": {key: os.environ[key] for key in keys},
    }


@app.on_ws_connect()
def connect(_: WebsocketEvent) -> None:
    """Let everybody in."""


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Queue what a client says."""
    sqs().send_message(
        QueueUrl=sqs().get_queue_url(QueueName=os.environ["ECHO_QUEUE"])["QueueUrl"],
        MessageBody=json.dumps({"connection": event.connection_id, "body": event.body}),
        MessageGroupId="echo",
        MessageDeduplicationId=uuid.uuid4().hex,
    )


@app.on_ws_disconnect()
def disconnect(_: WebsocketEvent) -> None:
    """Nothing to forget."""


@app.on_sqs_message(queue=os.environ.get("ECHO_QUEUE", "echo.fifo"), batch_size=10, name="echo")
def echo(event: SQSEvent) -> None:
    """Post each queued message to whom it came from."""
    gateway = boto3.client("apigatewaymanagementapi", endpoint_url=os.environ["WEBSOCKET_ENDPOINT"])
    for record in event:
        said = json.loads(record.body)
        gateway.post_to_connection(ConnectionId=said["connection"], Data=said["body"].encode())


if "AWS_CHALICE_CLI_MODE" in os.environ:
    import apigw_local

    apigw_local.attach(app)
