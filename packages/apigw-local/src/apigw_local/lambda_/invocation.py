"""Invocations: a handler's context, its run in this process, and counters."""

import json
import os
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from chalice.local import LambdaContext

from apigw_local.lambda_ import invocation_chain

Handler = Callable[[dict[str, Any], LambdaContext], Any]


class FunctionError(Exception):
    """Failed invocation: the handler raised, ended, or returned what is no JSON.

    The text is for the developer: the traceback, if there is one.
    """


@dataclass(frozen=True)
class Configuration:
    """Deployed configuration of a function.

    Attributes:
        name: The name of the deployed function, e.g. ``chat-dev-websocket_connect``.
        memory: Its memory in MB.
        timeout: Seconds after which Lambda would end an invocation.
    """

    name: str
    memory: int
    timeout: float

    def context(self) -> LambdaContext:
        """Return the context of an invocation that starts now."""
        context = LambdaContext(self.name, self.memory, max_runtime_ms=int(self.timeout * 1000))
        region = os.environ.get("AWS_REGION", "us-east-1")
        context.invoked_function_arn = f"arn:aws:lambda:{region}:123456789012:function:{self.name}"
        context.log_group_name = f"/aws/lambda/{self.name}"
        return context


class InvocationCounters:
    """Counters of one function's invocations, safe to use from any thread.

    Attributes:
        invocations: Invocations begun.
        in_flight: Invocations not ended.
        failures: Invocations that raised.
    """

    def __init__(self) -> None:
        self.invocations = self.in_flight = self.failures = 0
        self._lock = threading.Lock()

    def count(self, invocation: Future[Any]) -> Future[Any]:
        """Count an invocation that has just begun, and return it."""
        with self._lock:
            self.invocations += 1
            self.in_flight += 1
        invocation.add_done_callback(self._ended)
        return invocation

    def _ended(self, invocation: Future[Any]) -> None:
        failed = not invocation.cancelled() and invocation.exception() is not None
        with self._lock:
            self.in_flight -= 1
            self.failures += failed


def run(
    handler: Handler, configuration: Configuration, event: dict[str, Any], trace_header: str
) -> Any:
    """Run a handler, in this process.

    Args:
        handler: The handler.
        configuration: Its function's.
        event: Its event, of which the handler gets a copy made through JSON.
        trace_header: The trace header of the messages that it sends.

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
