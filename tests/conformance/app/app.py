"""An app that shows, through its WebSocket alone, what the gateway in front of it does.

A client gives it commands, each a JSON object: in the query parameter `command` of its URL, for
`$connect` to carry out, and in its messages. `carry_out` has the list. The answer goes to the
client as `{"answer": <the command's "ask">, "value": …}`; what `$connect` has to say is kept, since
nothing can be posted to a connection that is not open yet. A command's "return" is what the
handler returns, for the gateway to deal with.

Every event is kept in a table, under its connection's id, for later connections to read.
"""

import base64
import functools
import json
import os
import time
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from chalice import Chalice
from chalice.app import WebsocketEvent

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

app = Chalice(app_name="conformance")
app.experimental_feature_flags.add("WEBSOCKETS")
dynamodb = boto3.client("dynamodb")

TABLE = os.environ["CONFORMANCE_TABLE"]
KEPT_SECONDS = 3600

# An emulator may have @connections elsewhere.
ENDPOINT = os.environ.get(
    "CONNECTIONS_ENDPOINT", "https://{api_id}.execute-api.{region}.amazonaws.com/{stage}"
)


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Any:
    """Carry out the command of the URL; note the event under the URL's label too."""
    keep(event.connection_id, event.to_dict())
    query = event.to_dict().get("queryStringParameters") or {}
    if "label" in query:
        keep(query["label"], event.to_dict())
    command = parse(query.get("command", ""))
    answer = carry_out(command, event.to_dict())
    if answer is not None:
        keep(event.connection_id, {"requestContext": {"eventType": "ANSWER"}, "value": answer})
    return command.get("return")


@app.on_ws_message()
def message(event: WebsocketEvent) -> Any:
    """Carry out a message's command; any other text is only noted."""
    keep(event.connection_id, event.to_dict())
    command = parse(event.body)
    answer = carry_out(command, event.to_dict())
    if answer is not None:
        management(event.to_dict()["requestContext"], event.stage).post_to_connection(
            ConnectionId=event.connection_id,
            Data=json.dumps({"answer": command.get("ask"), "value": answer}).encode(),
        )
    return command.get("return")


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    """Note the end."""
    keep(event.connection_id, event.to_dict())


def parse(text: str) -> dict[str, Any]:
    """Read a command, an empty one from what is none."""
    try:
        command = json.loads(text)
    except ValueError:
        return {}
    return command if isinstance(command, dict) else {}


def carry_out(command: dict[str, Any], event: dict[str, Any]) -> Any:
    """Do what a command asks for and return the answer, None for none."""
    context = event["requestContext"]
    match command:
        case {"do": "show"}:
            return event
        case {"do": "measure"}:
            return len(event["body"])
        case {"do": "raise"}:
            raise RuntimeError("This handler raises when it is asked to.")
        case {"do": "recall", "of": name}:
            return kept(name)
        case {"do": "meet", "at": place, "number": number, "seconds": seconds}:
            return meet(place, context["requestId"], number, seconds)
        case {"do": "post" | "get" | "delete"}:
            return manage(command, context)
    return None


def manage(command: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """Call `@connections` and report what came of it.

    Unless the command says otherwise the call is about the connection that it came through, in its
    own stage. What is posted are the bytes of "base64", repeated as often as "times" says.
    """
    client = management(context, command.get("stage", context["stage"]))
    parameters = {"ConnectionId": command.get("connection", context["connectionId"])}
    answer: Any
    raised = None
    try:
        match command["do"]:
            case "post":
                data = base64.b64decode(command["base64"]) * command.get("times", 1)
                answer = client.post_to_connection(**parameters, Data=data)
            case "get":
                answer = client.get_connection(**parameters)
            case _:
                answer = client.delete_connection(**parameters)
    except ClientError as error:
        raised = type(error).__name__
        answer = error.response
    metadata = answer["ResponseMetadata"]
    return {
        "raised": raised,
        "error": answer.get("Error"),
        "status": metadata["HTTPStatusCode"],
        "headers": metadata["HTTPHeaders"],
        "body": answer["Body"],
    }


def management(context: dict[str, Any], stage: str) -> "ApiGatewayManagementApiClient":
    """Return a client of `@connections` for the API that an event came through."""
    return management_at(
        ENDPOINT.format(
            api_id=context["apiId"], region=os.environ["AWS_REGION"], stage=stage
        ).rstrip("/")
    )


@functools.cache
def management_at(endpoint: str) -> "ApiGatewayManagementApiClient":
    """Return a client of `@connections` that asks once, and keeps the body of what it is told."""
    client = boto3.client(
        "apigatewaymanagementapi",
        endpoint_url=endpoint,
        config=Config(read_timeout=10, retries={"total_max_attempts": 1}),
    )
    client.meta.events.register("before-parse.apigatewaymanagementapi", keep_body)
    return client


def keep_body(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
) -> None:
    """Add a response's body, as it came, to what botocore makes of the response."""
    customized_response_dict["Body"] = response_dict["body"].decode(errors="replace")


def meet(place: str, who: str, number: int, seconds: float) -> int:
    """Wait, so many seconds at most, until a number of invocations are at a place; count them."""
    keep(place, {"requestContext": {"eventType": "MEETING", "requestId": who}})
    deadline = time.monotonic() + seconds
    while (present := len(kept(place))) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    return present


def keep(name: str, event: dict[str, Any]) -> None:
    """Store an event under a name."""
    context = event["requestContext"]
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "name": {"S": name},
            "at": {"S": f"{time.time():.6f} {context.get('requestId')}"},
            "event": {"S": json.dumps(event)},
            "expires_at": {"N": str(int(time.time()) + KEPT_SECONDS)},
        },
    )


def kept(name: str) -> list[Any]:
    """Return the events under a name, oldest first."""
    answer = dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="#name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues={":name": {"S": name}},
        ConsistentRead=True,
    )
    return [json.loads(item["event"]["S"]) for item in answer["Items"]]
