"""The Lambda functions of one Chalice app, invoked as Lambda would invoke them."""

import json
import logging
import os
import queue
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice, SQSEventConfig
from chalice.config import Config
from chalice.constants import DEFAULT_LAMBDA_MEMORY_SIZE, DEFAULT_LAMBDA_TIMEOUT
from chalice.local import LambdaContext

_log = logging.getLogger("localdev.functions")

# Chalice deploys the handler of each route under a fixed name (chalice/deploy/appgraph.py).
_WEBSOCKET_NAMES = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}

# The default quota of an account and region:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CONCURRENT_EXECUTIONS = 1000

Handler = Callable[[dict[str, Any], LambdaContext], Any]


class FunctionError(Exception):
    """The handler raised, or returned what Lambda cannot serialise.

    The text is what a developer wants to see: the traceback.
    """


class Function:
    """One Lambda function.

    Attributes:
        name: The name in the Chalice config, e.g. ``websocket_connect``.
        timeout: Seconds after which Lambda would end an invocation.
    """

    def __init__(self, name: str, handler: Handler, config: Config, workers: "_Workers") -> None:
        self.name = name
        self.timeout = float(config.lambda_timeout or DEFAULT_LAMBDA_TIMEOUT)
        self._handler = handler
        self._memory = config.lambda_memory_size or DEFAULT_LAMBDA_MEMORY_SIZE
        self._deployed_name = f"{config.app_name}-{config.chalice_stage}-{name}"
        self._workers = workers

    def invoke(self, event: dict[str, Any]) -> Future[Any]:
        """Run the handler in a thread of its own and return at once.

        Args:
            event: What the handler gets; it sees a copy made through JSON.

        Returns:
            A future of the handler's result, as JSON would carry it. It raises
            `FunctionError` when the handler raised. A future that is cancelled before a thread
            was free never runs; one that runs cannot be stopped.
        """
        return self._workers.submit(lambda: self._run(event))

    def _run(self, event: dict[str, Any]) -> Any:
        try:
            result = self._handler(json.loads(json.dumps(event)), self._context())
            return json.loads(json.dumps(result))
        except BaseException as error:  # sys.exit() too ends an invocation, not the process
            _log.exception("%s failed", self.name)
            raise FunctionError(traceback.format_exc()) from error

    def _context(self) -> LambdaContext:
        context = LambdaContext(
            self._deployed_name, self._memory, max_runtime_ms=int(self.timeout * 1000)
        )
        region = os.environ.get("AWS_REGION", "us-east-1")
        context.invoked_function_arn = (
            f"arn:aws:lambda:{region}:123456789012:function:{self._deployed_name}"
        )
        context.log_group_name = f"/aws/lambda/{self._deployed_name}"
        return context


@dataclass(frozen=True)
class SqsSource:
    """A queue that a function reads.

    Attributes:
        function: The reader.
        queue: The queue's name or ARN, whichever the decorator named.
        batch_size: The most records of one invocation.
        maximum_concurrency: The most invocations at a time, None for no limit of its own.
    """

    function: Function
    queue: str
    batch_size: int
    maximum_concurrency: int | None


class Functions:
    """The Lambda functions of one app, as its decorators declare and its config sizes them."""

    def __init__(self, app: Chalice, config: Config) -> None:
        self._app = app
        self._config = config
        self._workers = _Workers(CONCURRENT_EXECUTIONS)
        self._websocket = {
            route_key: self._function(_WEBSOCKET_NAMES[route_key], route.name)
            for route_key, route in app.websocket_handlers.items()
        }

    def websocket(self, route_key: str) -> Function | None:
        """The function of ``$connect``, ``$default`` or ``$disconnect``, None without one."""
        return self._websocket.get(route_key)

    def sqs(self) -> list[SqsSource]:
        """Every queue the app reads, in the order of its decorators."""
        return [
            SqsSource(
                self._function(source.name, source.name),
                str(source.queue or source.queue_arn),
                source.batch_size,
                source.maximum_concurrency,
            )
            for source in self._app.event_sources
            if isinstance(source, SQSEventConfig)
        ]

    def shutdown(self, timeout: float) -> bool:
        """Wait for the invocations in flight.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether all have ended. Those that have not die with the process.
        """
        return self._workers.wait(timeout)

    def _function(self, name: str, handler_name: str) -> Function:
        scoped = self._config.scope(self._config.chalice_stage, name)
        return Function(name, self._app.handler_map[handler_name], scoped, self._workers)


class _Workers:
    """Daemon threads, started on demand and used again.

    `concurrent.futures.ThreadPoolExecutor` would do, but the interpreter joins its threads at
    exit, so one handler that hangs would keep Ctrl-C from ending the process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._threads = 0
        self._in_flight = 0

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._changed:
            self._in_flight += 1
            if self._threads < min(self._in_flight, self._limit):
                self._threads += 1
                threading.Thread(target=self._work, name="lambda", daemon=True).start()
        self._jobs.put((future, job))
        return future

    def wait(self, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout)

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except FunctionError as error:
                    future.set_exception(error)
            del future, job
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()
