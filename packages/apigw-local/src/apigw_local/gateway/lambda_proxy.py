"""One call of a function by the gateway, and the frame that tells a client of a failed one."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from apigw_local.console import hints
from apigw_local.gateway.events import Event
from apigw_local.lambda_.functions import Function
from apigw_local.lambda_.invocation import FunctionError

_log = logging.getLogger("apigw_local.gateway")


class IntegrationTimeoutError(Exception):
    """The function took longer than the gateway waits; it goes on running."""


async def integrate(function: Function, event: Event, seconds: float) -> Any:
    """Invoke a function and wait for its result.

    Args:
        function: What to invoke.
        event: What it gets.
        seconds: How long the gateway waits.

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
    """The status of a function's result, None if it has none that HTTP knows."""
    try:
        status = int(result["statusCode"])
    except (KeyError, TypeError, ValueError):
        return None
    return status if 200 <= status < 600 else None


def reply_of(result: Any) -> str | None:
    """The frame that a route response makes of a function's result, None for no frame.

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
    """What a client reads when its message could not be handled.

    The blanks stand where API Gateway puts them: after the first colon and each comma.
    https://github.com/aws/chalice/issues/1406
    """
    context = event["requestContext"]
    return (
        f'{{"message": "{message}", "connectionId":"{context["connectionId"]}", '
        f'"requestId":"{context["requestId"]}"}}'
    )
