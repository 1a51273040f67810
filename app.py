"""Fanfare: rooms over WebSockets. Each handler gives its event to one use case."""

from http import HTTPStatus
from typing import Any

from chalice import Chalice, NotFoundError, Response
from chalice.app import SQSEvent, WebsocketEvent

from chalicelib import assets, events, protocol, settings, telemetry, wiring
from chalicelib.errors import HandshakeError, UnavailableError
from chalicelib.meter import Metric
from chalicelib.outbox import MAXIMUM_CONCURRENCY, RECEIVE_BATCH

app = Chalice(app_name="fanfare")
app.experimental_feature_flags.add("WEBSOCKETS")


@app.on_ws_connect()
def on_ws_connect(event: WebsocketEvent) -> dict[str, Any]:
    """Let a client in: 400 when its query is not right, 503 when it can't be kept."""
    with telemetry.invocation("connect", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        meter.note(connection_id=gateway_event.request_context.connection_id)
        try:
            wiring.graph().connect(gateway_event)
        except HandshakeError as error:
            meter.count(Metric.HANDSHAKES_REFUSED, code="bad_request")
            meter.note(reason=str(error))
            return {"statusCode": HTTPStatus.BAD_REQUEST}
        except UnavailableError as error:
            meter.count(Metric.HANDSHAKES_REFUSED, code="unavailable")
            meter.note(reason=str(error))
            return {"statusCode": HTTPStatus.SERVICE_UNAVAILABLE}
        meter.count(Metric.CONNECTIONS_OPENED)
        if protocol.SUBPROTOCOL not in events.offered_subprotocols(gateway_event):
            return {"statusCode": HTTPStatus.OK}
        return {
            "statusCode": HTTPStatus.OK,
            "headers": {"Sec-WebSocket-Protocol": protocol.SUBPROTOCOL},
        }


@app.on_ws_message()
def on_ws_message(event: WebsocketEvent) -> None:
    """Take what a client says, or tell it why not."""
    with telemetry.invocation("message", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        meter.note(connection_id=gateway_event.request_context.connection_id)
        wiring.graph().receive(gateway_event)


@app.on_ws_disconnect()
def on_ws_disconnect(event: WebsocketEvent) -> None:
    """Forget a connection that has ended."""
    with telemetry.invocation("disconnect", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        context = gateway_event.request_context
        meter.note(connection_id=context.connection_id, close_code=context.disconnect_status_code)
        meter.count(Metric.CONNECTIONS_CLOSED)
        wiring.graph().disconnect(gateway_event)


@app.on_sqs_message(
    queue=settings.queue_name(),
    batch_size=RECEIVE_BATCH,
    maximum_concurrency=MAXIMUM_CONCURRENCY,
    name="broadcast",
)
def broadcast(event: SQSEvent) -> None:
    """Post a batch of accepted messages to the members of their rooms."""
    with telemetry.invocation("broadcast", event.context) as meter:
        queue_event = events.queue_event(event.to_dict())
        meter.note(records=len(queue_event.records))
        wiring.graph().broadcast(queue_event, telemetry.remaining_seconds(event.context))


@app.route("/")
def page() -> Response:
    """Serve the page."""
    return _file("index.html")


@app.route("/{name}")
def asset(name: str) -> Response:
    """Serve one of the page's files."""
    return _file(name)


@app.route("/config.json")
def config() -> Response:
    """Tell the page where the WebSocket API is."""
    url = settings.load().websocket_url
    if url is None:
        message = "WEBSOCKET_URL is not set: it takes the wss:// URL of the WebSocket API."
        return Response({"message": message}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return Response({"websocketUrl": url}, headers={"Cache-Control": "no-store"})


@app.route("/health")
def health() -> dict[str, Any]:
    """Answer that the HTTP side runs and its settings are sound."""
    settings.load()
    return {"status": "ok"}


def _file(name: str) -> Response:
    found = assets.find(name)
    if found is None:
        raise NotFoundError(f"There is no file {name!r} here.")
    return Response(found.text, headers={"Content-Type": found.type, **assets.HEADERS})


if settings.under_chalice_cli():
    import localdev

    localdev.attach(app)
