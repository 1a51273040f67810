"""An app that knows nothing of `apigw_local`: clients at import, and `websocket_api` to send."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import boto3
from chalice import Chalice
from chalice.app import CloudWatchEvent, SNSEvent, SQSEvent, WebsocketEvent

from chalicelib import WELCOME  # type: ignore[attr-defined] # mypy finds the repository's own

VERSION = 1
QUEUE = "plain-errands"

app = Chalice(app_name="plain")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

visits = boto3.resource("dynamodb").Table(os.environ["PLAIN_TABLE"])
sqs = boto3.client("sqs")


@app.route("/")
def page() -> dict[str, Any]:
    """Tell what the app finds around itself."""
    visits.put_item(Item={"pk": "visitor"})
    return {
        "version": VERSION,
        "welcome": WELCOME,
        "folder": str(Path.cwd()),
        "endpoint": sqs.meta.endpoint_url,
        "strangers": [name for name in ("bench", "tests") if importlib.util.find_spec(name)],
        "visitors": visits.scan()["Count"],
    }


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Do what a client asks for in one word."""
    if event.body == "info":
        app.websocket_api.send(
            event.connection_id,
            app.websocket_api.info(event.connection_id)["Identity"]["SourceIp"],
        )
    elif event.body == "close":
        app.websocket_api.close(event.connection_id)
    elif event.body == "own client":
        client = boto3.client(
            "apigatewaymanagementapi", endpoint_url=f"https://{event.domain_name}/{event.stage}"
        )
        client.post_to_connection(ConnectionId=event.connection_id, Data=b"sent by its own client")
    elif event.body == "errand":
        context = event.to_dict()["requestContext"]
        url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(context))


@app.on_sqs_message(
    queue_arn=f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}",
    batch_size=20,
    maximum_batching_window_in_seconds=1,
)
def errand(event: SQSEvent) -> None:
    """Run an errand, and report to whom it was for."""
    for record in event:
        context = json.loads(record.body)
        app.websocket_api.configure_from_api_id(context["apiId"], context["stage"])
        app.websocket_api.send(context["connectionId"], "errand done")


@app.schedule("rate(1 hour)")
def tidy(_: CloudWatchEvent) -> None:
    """Have nothing to tidy."""


@app.on_sns_message(topic="news")
def read(_: SNSEvent) -> None:
    """Read no news."""
