"""One invocation of a handler: what it gets beside the event, and how it ends."""

import json
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalice.local import LambdaContext

from apigw_local.lambda_ import invocation_chain

Handler = Callable[[dict[str, Any], LambdaContext], Any]


class FunctionError(Exception):
    """The handler raised, or returned what Lambda cannot serialise, or ended its process.

    The text is what a developer wants to see: the traceback, if there is one.
    """


@dataclass(frozen=True)
class Configuration:
    """How a function is deployed.

    Attributes:
        name: The name of the deployed function, e.g. ``chat-dev-websocket_connect``.
        memory: Its memory in MB.
        timeout: Seconds after which Lambda would end an invocation.
    """

    name: str
    memory: int
    timeout: float

    def context(self) -> LambdaContext:
        """The context of an invocation that starts now."""
        context = LambdaContext(self.name, self.memory, max_runtime_ms=int(self.timeout * 1000))
        region = os.environ.get("AWS_REGION", "us-east-1")
        context.invoked_function_arn = f"arn:aws:lambda:{region}:123456789012:function:{self.name}"
        context.log_group_name = f"/aws/lambda/{self.name}"
        return context


def run(
    handler: Handler, configuration: Configuration, event: dict[str, Any], trace_header: str
) -> Any:
    """Run a handler, in this process.

    Args:
        handler: The handler.
        configuration: Its function's.
        event: What the handler gets; it sees a copy made through JSON.
        trace_header: What the messages that it sends carry.

    Returns:
        The handler's result, as JSON would carry it.

    Raises:
        FunctionError: The handler raised.
    """
    try:
        with invocation_chain.carrying(trace_header):
            result = handler(json.loads(json.dumps(event)), configuration.context())
        return json.loads(json.dumps(result))
    except BaseException as error:  # sys.exit() too ends an invocation, not the process
        raise FunctionError(traceback.format_exc()) from error
