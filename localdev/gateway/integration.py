"""One call of a function by the gateway, and the frame that tells a client of a failed one."""

import asyncio
from typing import Any

from localdev.functions import Function, FunctionError
from localdev.gateway.events import Event


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
        async with asyncio.timeout(min(seconds, function.timeout)):
            return await result
    except TimeoutError:
        if function.timeout <= seconds:
            error = f"{function.name}: Task timed out after {function.timeout:.2f} seconds"
            raise FunctionError(error) from None
        raise IntegrationTimeoutError from None


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
