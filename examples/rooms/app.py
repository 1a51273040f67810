"""Rooms to talk in; who is where stands in a DynamoDB table."""

import json
import os
from collections.abc import Iterator
from typing import Any

import boto3
from boto3.dynamodb.conditions import Key
from chalice import BadRequestError, Chalice, WebsocketDisconnectedError
from chalice.app import WebsocketEvent

app = Chalice(app_name="rooms")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

table = boto3.resource("dynamodb").Table(os.environ.get("ROOMS_TABLE", ""))


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    """Remember somebody who is in no room yet."""
    table.put_item(Item={"connection": event.connection_id})


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Do what a client asks for: `join` a room, `say` something in it."""
    try:
        request = event.json_body
        action = request["action"]
        if action == "join":
            join(event.connection_id, request["room"])
        elif action == "say":
            say(event.connection_id, request["text"])
        else:
            send(event.connection_id, error=f"There is no action {action!r}.")
    except (BadRequestError, KeyError, TypeError):
        send(event.connection_id, error="A request has an action, and a room or a text.")


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    """Forget somebody who left."""
    table.delete_item(Key={"connection": event.connection_id})


def join(connection: str, room: str) -> None:
    """Move a client to a room, and tell it who else is there."""
    table.put_item(Item={"connection": connection, "room": room})
    send(connection, joined=room, members=len(set(members(room)) | {connection}))


def say(connection: str, text: str) -> None:
    """Tell everybody in the speaker's room."""
    room = table.get_item(Key={"connection": connection}).get("Item", {}).get("room")
    if room is None:
        send(connection, error="Join a room first.")
        return
    for member in members(room):
        send(member, room=room, text=text)


def members(room: str) -> Iterator[str]:
    """Find the connections in a room, page by page."""
    page: dict[str, Any] = {}
    while True:
        answer = table.query(
            IndexName="by-room", KeyConditionExpression=Key("room").eq(room), **page
        )
        for item in answer["Items"]:
            yield str(item["connection"])
        if "LastEvaluatedKey" not in answer:
            return
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def send(connection: str, **frame: Any) -> None:
    """Send a frame, and forget a connection that is no more."""
    try:
        app.websocket_api.send(connection, json.dumps(frame))
    except WebsocketDisconnectedError:
        table.delete_item(Key={"connection": connection})
