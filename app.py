"""Fanfare: rooms over WebSockets. Each handler gives its event to one use case."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from chalice import Chalice, NotFoundError, Response
from chalice.app import Request, SQSEvent, WebsocketEvent

from chalicelib import container, settings
from chalicelib.adapters import static_files, telemetry
from chalicelib.core import events, protocol
from chalicelib.core.errors import Code, FrameError, HandshakeError, UnavailableError, unavailable
from chalicelib.core.events import EventType, GatewayEvent
from chalicelib.core.jobs import MAXIMUM_CONCURRENCY, RECEIVE_BATCH
from chalicelib.core.ports.meter import Meter, Metric
from chalicelib.core.protocol import http

app = Chalice(app_name="fanfare")
app.experimental_feature_flags.add("WEBSOCKETS")


@app.on_ws_connect()
def on_ws_connect(event: WebsocketEvent) -> dict[str, Any]:
    """Admit a client, or refuse the handshake by a status alone: 400 to 429, or 503."""
    with telemetry.invocation("connect", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        meter.note(connection_id=gateway_event.request_context.connection_id)
        if _is_misrouted(meter, gateway_event, EventType.CONNECT):
            return {"statusCode": HTTPStatus.BAD_REQUEST}
        try:
            container.use_cases().connect.handle(gateway_event)
        except HandshakeError as error:
            meter.count(Metric.HANDSHAKES_REFUSED, code=str(error.status.value))
            meter.note(reason=error.reason)
            return {"statusCode": error.status}
        except UnavailableError as error:
            meter.count(Metric.HANDSHAKES_REFUSED, code=Code.UNAVAILABLE)
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
    """Carry out a client's frame, or post the reason of its refusal."""
    with telemetry.invocation("message", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        meter.note(connection_id=gateway_event.request_context.connection_id)
        if not _is_misrouted(meter, gateway_event, EventType.MESSAGE):
            container.use_cases().message.handle(gateway_event)


@app.on_ws_disconnect()
def on_ws_disconnect(event: WebsocketEvent) -> None:
    """Forget a connection that has ended."""
    with telemetry.invocation("disconnect", event.context) as meter:
        gateway_event = events.gateway_event(event.to_dict())
        context = gateway_event.request_context
        meter.note(connection_id=context.connection_id, close_code=context.disconnect_status_code)
        if _is_misrouted(meter, gateway_event, EventType.DISCONNECT):
            return
        meter.count(Metric.CONNECTIONS_CLOSED)
        container.use_cases().disconnect.handle(gateway_event)


@app.on_sqs_message(
    queue=settings.queue_name(),
    batch_size=RECEIVE_BATCH,
    maximum_concurrency=MAXIMUM_CONCURRENCY,
    name="broadcast",
)
def broadcast(event: SQSEvent) -> dict[str, Any]:
    """Number and post a batch of accepted messages; return the failed records."""
    with telemetry.invocation("broadcast", event.context) as meter:
        queue_event = events.queue_event(event.to_dict())
        meter.note(records=len(queue_event.records))
        failed = container.use_cases().broadcast.handle(
            queue_event, telemetry.remaining_seconds(event.context)
        )
        return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


@app.middleware("http")
def harden(event: Any, respond: Callable[[Any], Response]) -> Response:
    """Add the security headers to every HTTP response, errors included."""
    response = respond(event)
    response.headers.update(static_files.HEADERS)
    return response


@app.route("/")
def page() -> Response:
    """Serve the page."""
    return _file("index.html")


@app.route("/{name}")
def asset(name: str) -> Response:
    """Serve a file that stands beside the page."""
    return _file(name)


@app.route("/page/{name}")
def page_module(name: str) -> Response:
    """Serve one of the page's modules."""
    return _file(f"page/{name}")


@app.route("/client/{name}")
def client_module(name: str) -> Response:
    """Serve one of the browser client's modules."""
    return _file(f"client/{name}")


@app.route("/config.json")
def config() -> Response:
    """Serve the URL of the WebSocket API to the page."""
    url = settings.load().websocket_url
    if url is None:
        message = "WEBSOCKET_URL is not set: it takes the wss:// URL of the WebSocket API."
        return Response({"message": message}, status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    return Response({"websocketUrl": url}, headers={"Cache-Control": "no-store"})


@app.route("/rooms/{room}/messages", methods=["POST"])
def publish(room: str) -> Response:
    """Queue a message for a room, from a server that has a token."""

    def take(token: str | None, body: str) -> dict[str, Any]:
        # Chalice hands on what stands between the slashes as it is (aws/chalice issue 511).
        name = unquote(room, errors="surrogateescape")
        return {"id": container.use_cases().http_publisher.publish(token, name, body)}

    return _publication(take)


@app.route("/users/{user_id}/messages", methods=["POST"])
def notify(user_id: str) -> Response:
    """Post a notice to a user, from a server that has a token."""

    def take(token: str | None, body: str) -> dict[str, Any]:
        notice_id, delivered = container.use_cases().user_notifier.notify(token, user_id, body)
        return {"id": notice_id, "delivered": delivered}

    return _publication(take)


@app.route("/health")
def health() -> dict[str, Any]:
    """Answer that the HTTP side runs and its settings are sound."""
    settings.load()
    return {"status": "ok"}


def _is_misrouted(meter: Meter, event: GatewayEvent, expected: EventType) -> bool:
    """Whether an event is to be refused since its handler is for another kind of events.

    A frame whose `action` is `$connect` or `$disconnect` may select that route: AWS makes no
    exception of them
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html).
    It gets no answer, as these functions may not post.
    """
    found = event.request_context.event_type
    if found is expected:
        return False
    meter.count(Metric.FRAMES_REFUSED, code=Code.UNKNOWN_ACTION)
    meter.note(reason=f"a {found} event came to the handler of {expected} events")
    return True


def _publication(take: Callable[[str | None, str], dict[str, Any]]) -> Response:
    """Respond to a publication: 202, or the reason of its refusal."""
    request = cast("Request", app.current_request)
    token = http.bearer(request.headers.get("authorization"))
    with telemetry.invocation("publish", app.lambda_context) as meter:
        try:
            # What is no UTF-8 is no JSON, which has a code of its own.
            body = cast("bytes", request.raw_body).decode(errors="surrogateescape")
            accepted = take(token, body)
        except HandshakeError as error:
            meter.count(Metric.FRAMES_REFUSED, code=str(error.status.value))
            meter.note(reason=error.reason)
            return Response("", headers={"WWW-Authenticate": "Bearer"}, status_code=error.status)
        except FrameError as error:
            return _refusal(meter, error)
        except UnavailableError as error:
            meter.note(reason=str(error))
            return _refusal(meter, unavailable())
        return Response(accepted, status_code=HTTPStatus.ACCEPTED)


def _refusal(meter: Meter, error: FrameError) -> Response:
    meter.count(Metric.FRAMES_REFUSED, code=error.code)
    return Response(http.body(error), http.headers(error), http.status(error))


def _file(name: str) -> Response:
    found = static_files.find(name)
    if found is None:
        raise NotFoundError(f"There is no file {name!r} here.")
    return Response(
        found.text,
        headers={
            "Content-Type": found.type,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": static_files.policy(settings.load().websocket_url),
        },
    )


if settings.under_chalice_cli():
    import apigw_local
    from infra import chalice_command

    chalice_command.refuse_deploy()
    apigw_local.attach(app)

if settings.needs_clients():
    container.prepare(posts=settings.posts())
