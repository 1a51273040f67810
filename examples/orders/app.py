"""A kitchen: orders come in over HTTP, wait in a queue, and are called out over WebSockets."""

import json
import os
from typing import Any

import boto3
from chalice import BadRequestError, Chalice, Rate, Response, WebsocketDisconnectedError
from chalice.app import CloudWatchEvent, SQSEvent, WebsocketEvent

QUEUE = "orders"

app = Chalice(app_name="orders")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

customers = boto3.resource("dynamodb").Table(os.environ.get("ORDERS_TABLE", ""))


@app.on_ws_message()
def wait(event: WebsocketEvent) -> None:
    """Remember where a customer waits: the message is the name."""
    context = event.to_dict()["requestContext"]
    customer = {
        "name": event.body,
        "connection": event.connection_id,
        "api": context["apiId"],
        "stage": event.stage,
    }
    customers.put_item(Item=customer)
    call(customer, f"Welcome, {event.body}.")


@app.route("/orders", methods=["POST"])
def order() -> Response:
    """Take an order, such as `{"name": "Ada", "dish": "soup"}`."""
    taken = app.current_request.json_body
    if not isinstance(taken, dict) or not {"name", "dish"} <= taken.keys():
        raise BadRequestError("An order has a name and a dish.")
    queue = boto3.resource("sqs").get_queue_by_name(QueueName=QUEUE)
    sent = queue.send_message(MessageBody=json.dumps({key: taken[key] for key in ("name", "dish")}))
    return Response({"order": sent["MessageId"]}, status_code=202)


@app.on_sqs_message(queue=QUEUE, batch_size=5)
def cook(event: SQSEvent) -> None:
    """Cook what was ordered, and call the customer."""
    for record in event:
        cooked = json.loads(record.body)
        found = customers.get_item(Key={"name": cooked["name"]})
        if "Item" in found:
            call(found["Item"], f"Your {cooked['dish']} is ready.")


@app.schedule(Rate(1, unit=Rate.HOURS))
def announce(_: CloudWatchEvent) -> dict[str, int]:
    """Tell all who wait that the kitchen is open."""
    waiting = customers.scan()["Items"]
    for customer in waiting:
        call(customer, "The kitchen is open.")
    return {"told": len(waiting)}


def call(customer: dict[str, Any], text: str) -> None:
    """Send to a customer, from whichever function this is, and forget one who left."""
    app.websocket_api.configure_from_api_id(customer["api"], customer["stage"])
    try:
        app.websocket_api.send(customer["connection"], text)
    except WebsocketDisconnectedError:
        customers.delete_item(Key={"name": customer["name"]})
