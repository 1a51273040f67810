"""A chat as Chalice's tutorial builds it, for comparison: boto3's session, table and client.

https://aws.github.io/chalice/tutorials/wschat.html describes it. The resource is made by the
import, the client that posts by the first post.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.conditions import Key
from boto3.session import Session
from chalice import Chalice, WebsocketDisconnectedError

if TYPE_CHECKING:
    from chalice.app import WebsocketEvent

app = Chalice(app_name="chat-sample")
app.websocket_api.session = Session()
app.experimental_feature_flags.add("WEBSOCKETS")
if "WEBSOCKET_ENDPOINT" in os.environ:
    app.websocket_api.configure(os.environ["WEBSOCKET_ENDPOINT"].removeprefix("https://"), "api")
table: Any = boto3.resource("dynamodb").Table(os.environ["TABLE"])


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    """Remember a connection that has no name yet."""
    table.put_item(Item={"PK": event.connection_id, "SK": "username_"})


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Post a message to the members of the sender's room, one after the other."""
    found = table.query(KeyConditionExpression=Key("PK").eq(event.connection_id))
    facts = dict(item["SK"].split("_", 1) for item in found["Items"])
    members = table.query(
        IndexName="ReverseLookup", KeyConditionExpression=Key("SK").eq(f"room_{facts['room']}")
    )
    for member in members["Items"]:
        try:
            app.websocket_api.send(member["PK"], f"{facts['username']}: {event.body}")
        except WebsocketDisconnectedError:
            forget(member["PK"])


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    """Forget a connection."""
    forget(event.connection_id)


def forget(connection_id: str) -> None:
    """Delete a connection's items."""
    found = table.query(KeyConditionExpression=Key("PK").eq(connection_id))
    for item in found["Items"]:
        table.delete_item(Key={"PK": connection_id, "SK": item["SK"]})
