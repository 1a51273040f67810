"""From an upgrade request, over ``$connect``, to an open connection or a refusal."""

import logging
import time
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeaderValue
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from localdev.functions import FunctionError
from localdev.gateway import identifiers
from localdev.gateway.api import Api
from localdev.gateway.events import Client, Event
from localdev.gateway.integration import IntegrationTimeoutError, integrate
from localdev.gateway.responses import refusal

_log = logging.getLogger("localdev.gateway")


async def shake_hands(api: Api, request: Request, source_ip: str) -> tuple[Response, Client | None]:
    """Decide on an upgrade; nothing is sent until ``$connect`` has returned.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html

    Args:
        api: The API that the request addresses.
        request: The client's request.
        source_ip: The client's address.

    Returns:
        The answer, and who is connected if that is 101.
    """
    # No extension is offered: whether AWS negotiates permessage-deflate is unknown.
    response = ServerProtocol().accept(request)
    if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
        return response, None
    client = Client(
        connection_id=identifiers.connection_id(),
        connected_at=int(time.time() * 1000),
        # Whatever address led here stands in the events, as a custom domain does on AWS.
        domain_name=_first(request.headers, "Host") or api.domain_name,
        source_ip=source_ip,
        user_agent=_first(request.headers, "User-Agent"),
    )
    _, _, query = request.path.partition("?")
    event = api.events.connect(client, request.headers.raw_items(), query)
    started = time.monotonic()
    status = await _connect(api, event, response)
    milliseconds = (time.monotonic() - started) * 1000
    _log.info("connect %s %d (%.0f ms)", client.connection_id, status, milliseconds)
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        request_id = event["requestContext"]["requestId"]
        answer = refusal(status, connectionId=client.connection_id, requestId=request_id)
        return answer, None
    return response, client


async def _connect(api: Api, event: Event, response: Response) -> int:
    """Run ``$connect``: its HTTP status, and its subprotocol as a header of the response."""
    function = api.functions.websocket("$connect")
    if function is None:
        return HTTPStatus.OK
    try:
        result = await integrate(function, event, api.limits.integration_seconds)
    except FunctionError:
        return HTTPStatus.BAD_GATEWAY
    except IntegrationTimeoutError:
        return HTTPStatus.GATEWAY_TIMEOUT
    try:
        status = int(result["statusCode"])
        # Of all the function's headers only this one reaches the client:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
        for name, value in (result.get("headers") or {}).items():
            if name.lower() == "sec-websocket-protocol":
                response.headers["Sec-WebSocket-Protocol"] = value
    except (AttributeError, KeyError, TypeError, ValueError, InvalidHeaderValue):
        return HTTPStatus.BAD_GATEWAY
    return status if 200 <= status < 600 else HTTPStatus.BAD_GATEWAY


def _first(headers: Headers, name: str) -> str | None:
    return next(iter(headers.get_all(name)), None)
