"""A small Chalice app whose handlers do what the tests of containers ask of them."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import boto3
from chalice import Chalice, Rate

if TYPE_CHECKING:
    from chalice.app import CloudWatchEvent, SQSEvent, WebsocketEvent

app = Chalice(app_name="frozen")
app.experimental_feature_flags.add("WEBSOCKETS")
invocations = 0


@app.on_ws_connect()
def connect(_: WebsocketEvent) -> None:
    """Let everybody in."""


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Tell a client which process has its message."""
    endpoint = f"http://{event.domain_name}/{event.stage}"
    gateway = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    gateway.post_to_connection(ConnectionId=event.connection_id, Data=str(os.getpid()).encode())


@app.on_sqs_message(queue="work.fifo", batch_size=10)
def work(event: SQSEvent) -> Any:
    """Do what the records say, and return what the last one results in."""
    global invocations
    invocations += 1
    return [perform(*record.body.split()) for record in event][-1]


@app.schedule(Rate(1, unit=Rate.HOURS))
def tick(_: CloudWatchEvent) -> int:
    """Tell which process it is."""
    return os.getpid()


def perform(what: str, *arguments: str) -> Any:
    """Do one of the things that a handler can do to its process."""
    if what == "fail":
        raise ValueError(*arguments)
    if what == "exit":
        os._exit(int(arguments[0]))
    if what == "hang":
        time.sleep(600)
    if what == "send":
        boto3.client("sqs").send_message(
            QueueUrl=arguments[0], MessageBody=".", MessageGroupId=".", MessageDeduplicationId="."
        )
    if what == "print":
        sys.stdout.write(arguments[0])
    if what == "meet":
        with socket.create_connection(("127.0.0.1", int(arguments[0]))) as meeting:
            meeting.recv(1)
    if what == "linger":
        peer = socket.create_connection(("127.0.0.1", int(arguments[0])))
        threading.Thread(target=echo, args=(peer,), daemon=True).start()
    return {
        "pid": os.getpid(),
        "invocations": invocations,
        "greeting": os.environ.get("GREETING"),
        "cli": "AWS_CHALICE_CLI_MODE" in os.environ,
    }


def echo(peer: socket.socket) -> None:
    """Send back what comes, whenever this process may run."""
    with peer:
        while data := peer.recv(100):
            peer.sendall(data)
