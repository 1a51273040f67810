"""Lambda proxy integration: invocations by the gateway, from a message to the frame in answer."""

import asyncio
import logging
import time
from http import HTTPStatus
from typing import Any

from apigw_local.console import hints
from apigw_local.gateway.activity_log import OK
from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Client, Event
from apigw_local.gateway.routing import RESERVED, Route
from apigw_local.lambda_.functions import Function
from apigw_local.lambda_.invocation import FunctionError

_log = logging.getLogger("apigw_local.gateway")


class IntegrationTimeoutError(Exception):
    """Integration timeout: the gateway stops waiting, the function goes on running."""


async def integrate(function: Function, event: Event, seconds: float) -> Any:
    """Invoke a function and wait for its result.

    Args:
        function: The function.
        event: Its event.
        seconds: The gateway's timeout.

    Returns:
        The function's result, as JSON carries it.

    Raises:
        FunctionError: It raised, or ran past its own timeout first.
        IntegrationTimeoutError: It did not answer in time.
    """
    result = asyncio.wrap_future(function.invoke(event))
    try:
        async with asyncio.timeout(min(seconds, function.patience)):
            return await result
    except TimeoutError:
        if function.patience <= seconds:
            error = f"{function.name}: Task timed out after {function.patience:.2f} seconds"
            raise FunctionError(error) from None
        _log.info(hints.slow_handler(function.name, seconds))
        raise IntegrationTimeoutError from None


def status_of(result: Any) -> int | None:
    """Return the status of a function's result, None without one that HTTP knows."""
    try:
        status = int(result["statusCode"])
    except (KeyError, TypeError, ValueError):
        return None
    return status if 200 <= status < 600 else None


def reply_of(result: Any) -> str | None:
    """Return the frame that a route response makes of a function's result, None for no frame.

    Documented is only that the body is sent. That a bad status or shape becomes the error frame
    was reported once for the status, and is inferred for the shape.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-response.html

    Raises:
        FunctionError: The status is not one of success, or the result of no known shape.
    """
    if result is None:
        return None
    status = status_of(result)
    if status is None or status >= HTTPStatus.MULTIPLE_CHOICES:
        raise FunctionError(f"No route response can be made of {result!r}")
    body = result.get("body")
    if not isinstance(body, str | None):
        raise FunctionError(f"The body of a route response must be text, not {body!r}")
    return body


def error_frame(message: str, event: Event) -> str:
    """Return the frame for a client whose message could not be handled.

    The blanks stand where API Gateway puts them: after the first colon and each comma.
    https://github.com/aws/chalice/issues/1406
    """
    context = event["requestContext"]
    return (
        f'{{"message": "{message}", "connectionId":"{context["connectionId"]}", '
        f'"requestId":"{context["requestId"]}"}}'
    )


class _UnhandledError(Exception):
    """Failure to handle a message; the text goes to the client."""


async def handle_message(api: Api, client: Client, body: str) -> str | None:
    """Run the function of the route that a message selects.

    Args:
        api: The API that the client is connected to.
        client: The client.
        body: The message.

    Returns:
        The frame that the client gets for it, None if it gets none.
    """
    route_key = api.routes.key_of(body, reserved=api.faults.settings.reserved_routes)
    if route_key in RESERVED:
        api.activity_log.hint(hints.reserved_route(route_key))
    route = api.routes.get(route_key)
    event = api.events.message(client, route_key, body)
    started = time.monotonic()
    outcome = OK
    try:
        frame = await _invoke(api, route, event)
    except _UnhandledError as error:
        outcome = str(error)
        frame = error_frame(outcome, event)
    api.activity_log.message(event, route, outcome, started)
    return frame


async def _invoke(api: Api, route: Route | None, event: Event) -> str | None:
    if not api.throttle.admits_request(time.monotonic()):
        # Inferred: neither the words are documented nor that the connection stays open.
        raise _UnhandledError("Too Many Requests")
    if route is None:
        raise _UnhandledError("Forbidden")
    try:
        result = await integrate(route.function, event, api.quotas.integration_seconds)
        if route.responds:
            return reply_of(result)
    except FunctionError:
        raise _UnhandledError("Internal server error") from None
    except IntegrationTimeoutError:
        raise _UnhandledError("Endpoint request timed out") from None
    # Without a route response the result is dropped, whatever its status.
    if isinstance(result, dict) and result.get("body"):
        api.activity_log.hint(hints.BODY_DROPPED)
    return None
