"""Opening handshake: from an upgrade request, over ``$connect``, to a 101 or a refusal."""

import time
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeaderValue
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from apigw_local.console import hints
from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Client, Event, new_connection_id
from apigw_local.gateway.http import refusal
from apigw_local.gateway.lambda_proxy import IntegrationTimeoutError, integrate, status_of
from apigw_local.gateway.routing import CONNECT, Route
from apigw_local.lambda_.invocation import FunctionError

_PROTOCOL = "Sec-WebSocket-Protocol"


async def shake_hands(api: Api, request: Request, source_ip: str) -> tuple[Response, Client | None]:
    """Decide on an upgrade; nothing is sent until ``$connect`` has returned.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html

    Args:
        api: The API that the request addresses.
        request: The client's request.
        source_ip: The client's address.

    Returns:
        The answer, and the connected client if that is 101.
    """
    # No extension is offered: whether AWS negotiates permessage-deflate is unknown.
    response = ServerProtocol().accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        api.activity_log.refuse(response.status_code)
        return response, None
    if not api.throttle.admits_connection(time.monotonic()):
        api.activity_log.refuse(HTTPStatus.TOO_MANY_REQUESTS)
        return refusal(HTTPStatus.TOO_MANY_REQUESTS), None
    client = Client(
        connection_id=new_connection_id(),
        connected_at=int(time.time() * 1000),
        # Whatever address led here stands in the events, as a custom domain does on AWS.
        domain_name=_first(request.headers, "Host") or api.domain_name,
        source_ip=source_ip,
        user_agent=_first(request.headers, "User-Agent"),
    )
    _, _, query = request.path.partition("?")
    event = api.events.connect(client, request.headers.raw_items(), query)
    started = time.monotonic()
    route = api.routes.get(CONNECT)
    api.connecting.add(client.connection_id)
    status = await _connect(api, route, event, response)
    await api.pause(api.faults.settings.connect_latency_seconds)
    api.connecting.discard(client.connection_id)
    accepted = status < HTTPStatus.MULTIPLE_CHOICES
    answered = HTTPStatus.SWITCHING_PROTOCOLS if accepted else status
    api.activity_log.connect(event, route, answered, started)
    if not accepted:
        # Inferred: no capture shows what a refusal's body holds besides its message.
        request_id = event["requestContext"]["requestId"]
        answer = refusal(status, connectionId=client.connection_id, requestId=request_id)
        return answer, None
    if _PROTOCOL in request.headers and _PROTOCOL not in response.headers:
        api.activity_log.hint(hints.NO_SUBPROTOCOL)
    return response, client


async def _connect(api: Api, route: Route | None, event: Event, response: Response) -> int:
    """Run ``$connect``; return its HTTP status, and set its subprotocol in the response."""
    if route is None:
        return HTTPStatus.OK
    try:
        result = await integrate(route.function, event, api.quotas.integration_seconds)
    except FunctionError:
        return HTTPStatus.BAD_GATEWAY
    except IntegrationTimeoutError:
        # Inferred from REST APIs: no report tells what a slow $connect comes to.
        return HTTPStatus.GATEWAY_TIMEOUT
    # Inferred: a result without a usable status is refused like a handler that raised.
    status = status_of(result)
    if status is None:
        api.activity_log.hint(hints.MALFORMED_RESULT)
        return HTTPStatus.BAD_GATEWAY
    try:
        # Of all the function's headers only this one reaches the client:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
        for name, value in (result.get("headers") or {}).items():
            if name.lower() == _PROTOCOL.lower():
                response.headers[_PROTOCOL] = value
    except (AttributeError, TypeError, InvalidHeaderValue):
        return HTTPStatus.BAD_GATEWAY
    return status


def _first(headers: Headers, name: str) -> str | None:
    return next(iter(headers.get_all(name)), None)
