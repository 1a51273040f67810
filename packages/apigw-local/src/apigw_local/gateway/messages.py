"""From a client's message, over its route, to the frame that answers it."""

import time

from apigw_local.console import hints
from apigw_local.gateway.activity_log import OK
from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Client, Event
from apigw_local.gateway.lambda_proxy import (
    IntegrationTimeoutError,
    error_frame,
    integrate,
    reply_of,
)
from apigw_local.gateway.routing import RESERVED, Route
from apigw_local.lambda_.invocation import FunctionError


class _UnhandledError(Exception):
    """No function has handled the message; the text is what the client is told."""


async def handle_message(api: Api, client: Client, body: str) -> str | None:
    """Run the function that a message selects.

    Args:
        api: The API that the client is connected to.
        client: The client.
        body: The message.

    Returns:
        The frame that the client gets for it, None if it gets none.
    """
    route_key = api.routes.key_of(body, reserved=api.faults.chaos.reserved_routes)
    if route_key in RESERVED:
        api.journal.hint(hints.reserved_route(route_key))
    route = api.routes.get(route_key)
    event = api.events.message(client, route_key, body)
    started = time.monotonic()
    outcome = OK
    try:
        frame = await _invoke(api, route, event)
    except _UnhandledError as error:
        outcome = str(error)
        frame = error_frame(outcome, event)
    api.journal.message(event, route, outcome, started)
    return frame


async def _invoke(api: Api, route: Route | None, event: Event) -> str | None:
    if not api.throttle.admits_request(time.monotonic()):
        # Inferred: neither the words are documented nor that the connection stays open.
        raise _UnhandledError("Too Many Requests")
    if route is None:
        raise _UnhandledError("Forbidden")
    try:
        result = await integrate(route.function, event, api.limits.integration_seconds)
        if route.responds:
            return reply_of(result)
    except FunctionError:
        raise _UnhandledError("Internal server error") from None
    except IntegrationTimeoutError:
        raise _UnhandledError("Endpoint request timed out") from None
    # Without a route response the result is dropped, whatever its status.
    if isinstance(result, dict) and result.get("body"):
        api.journal.hint(hints.BODY_DROPPED)
    return None
