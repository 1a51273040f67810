"""Says back what it hears, tells a client about its connection, and closes it when asked to."""

import json
import os

from boto3.session import Session
from chalice import Chalice, Response, WebsocketDisconnectedError
from chalice.app import WebsocketEvent

SUBPROTOCOL = "echo"

app = Chalice(app_name="echo")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> Response:
    """Let in whoever has the token, and speak `echo` with those who offer it."""
    request = event.to_dict()
    query = request.get("queryStringParameters", {})
    if query.get("token") != os.environ["ECHO_TOKEN"]:
        return Response(body="", status_code=401)
    headers = {name.lower(): value for name, value in request["headers"].items()}
    offered = headers.get("sec-websocket-protocol", "").replace(" ", "").split(",")
    chosen = {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in offered else {}
    return Response(body="", headers=chosen)


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Do as the message says: `info`, `close`, `fail`; anything else comes back."""
    connection = event.connection_id
    try:
        if event.body == "info":
            about = app.websocket_api.info(connection)
            app.websocket_api.send(connection, json.dumps(about, default=str))
        elif event.body == "close":
            app.websocket_api.close(connection)
        elif event.body == "fail":
            raise RuntimeError("asked to fail")
        else:
            app.websocket_api.send(connection, event.body)
    except WebsocketDisconnectedError:
        app.log.info("%s left before its answer", connection)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    """Say goodbye in the log."""
    app.log.info("%s left", event.connection_id)
