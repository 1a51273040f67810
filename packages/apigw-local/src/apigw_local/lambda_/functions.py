"""Lambda functions of a Chalice app, invoked as Lambda would invoke them."""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from chalice.app import Chalice, ScheduledEventConfig, ScheduleExpression, SQSEventConfig
from chalice.config import Config
from chalice.constants import DEFAULT_LAMBDA_MEMORY_SIZE, DEFAULT_LAMBDA_TIMEOUT

from apigw_local.console import hints
from apigw_local.console.log_events import LogEvent
from apigw_local.faults import NO_FAULTS, FaultInjector, FaultSettings
from apigw_local.lambda_ import invocation_chain
from apigw_local.lambda_.frozen_containers import START_SECONDS, FrozenContainers
from apigw_local.lambda_.invocation import (
    Configuration,
    FunctionError,
    InvocationCounters,
    run,
)
from apigw_local.lambda_.worker_threads import WorkerThreads, alive, work_since

_log = logging.getLogger("apigw_local.lambda_.functions")

# Chalice deploys the handler of each route under a fixed name (chalice/deploy/appgraph.py).
_WEBSOCKET_NAMES = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}

# The default quota of an account and region:
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
CONCURRENT_EXECUTIONS = 1000

Run = Callable[[dict[str, Any], str], Any]


class Function:
    """Lambda function.

    Attributes:
        name: The name in the Chalice config, e.g. ``websocket_connect``.
        timeout: Seconds after which Lambda would end an invocation.
        patience: Seconds after which a caller gives an invocation up: the timeout, and the
            delay that faults add before a handler starts.
        counters: Counters of its invocations.
    """

    def __init__(
        self,
        name: str,
        run: Run,
        timeout: float,
        project: str | None,
        workers: WorkerThreads,
        faults: FaultInjector,
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.patience = timeout + faults.settings.reorder_seconds
        if faults.settings.frozen:
            self.patience += START_SECONDS
        self.counters = InvocationCounters()
        self._run = run
        self._project = project
        self._workers = workers
        self._faults = faults

    def invoke(self, event: dict[str, Any]) -> Future[Any]:
        """Run the handler in a thread of its own and return at once.

        Args:
            event: Its event, of which the handler gets a copy made through JSON.

        Returns:
            A future of the handler's result, as JSON would carry it. It raises
            `FunctionError` when the handler raised. A future that is cancelled before a thread
            was free never runs; one that runs cannot be stopped.
        """
        invocation = partial(self._invoke, event, self._faults.start_delay())
        return self.counters.count(self._workers.submit(invocation))

    def _invoke(self, event: dict[str, Any], delay: float) -> Any:
        time.sleep(delay)
        sole = self._workers.sole()
        before = alive() if sole else set()
        try:
            return self._run(event, invocation_chain.trace_header(event, self.name))
        except FunctionError as error:
            cause = error.__cause__  # which a container can only tell of
            detail = "" if cause else str(error)
            log_event = LogEvent("error", function=self.name, detail=detail, failed=True)
            _log.error(log_event, exc_info=cause)
            raise
        finally:
            # A thread does not tell which invocation has started it, unless there was one only.
            if (
                sole
                and (place := work_since(before, self._project))
                and self._workers.sole() == sole
            ):
                _log.info(hints.work_left(self.name, place))


@dataclass(frozen=True)
class SqsSource:
    """Queue that a function reads.

    Attributes:
        function: The reader.
        queue: The queue's name or ARN, as the decorator has it.
        batch_size: The most records of one invocation.
        window_seconds: The batching window.
        maximum_concurrency: The most invocations at a time, None for no limit of its own.
    """

    function: Function
    queue: str
    batch_size: int
    window_seconds: int
    maximum_concurrency: int | None


@dataclass(frozen=True)
class Schedule:
    """Schedule of a function, EventBridge's rule on AWS.

    Attributes:
        function: The scheduled function.
        expression: When, e.g. ``rate(1 hour)``.
        rule: The name of the rule that Chalice makes for it.
    """

    function: Function
    expression: str
    rule: str


class Functions:
    """Lambda functions of an app, from its decorators and its configuration.

    Attributes:
        faults: The injector of faults.
    """

    def __init__(
        self, app: Chalice, config: Config, fault_settings: FaultSettings = NO_FAULTS
    ) -> None:
        """Describe the functions.

        Args:
            app: The app.
            config: Its config, which has to know the project's folder if time is to be frozen.
            fault_settings: The faults to inject.
        """
        self.faults = FaultInjector(fault_settings)
        self._app = app
        self._config = config
        self._workers = WorkerThreads(CONCURRENT_EXECUTIONS)
        self._containers: list[FrozenContainers] = []
        self._made: dict[str, Function] = {}
        self._websocket = {
            route_key: self._function(_WEBSOCKET_NAMES[route_key], route.name)
            for route_key, route in app.websocket_handlers.items()
        }

    def websocket(self, route_key: str) -> Function | None:
        """Return the function of ``$connect``, ``$default`` or ``$disconnect``, or None."""
        return self._websocket.get(route_key)

    def __iter__(self) -> Iterator[Function]:
        """Iterate over the functions that an event source here can invoke."""
        return iter(list(self._made.values()))

    def sqs(self) -> list[SqsSource]:
        """Return the queues that the app reads, in the order of its decorators."""
        return [
            SqsSource(
                self._function(source.name, source.name),
                str(source.queue or source.queue_arn),
                source.batch_size,
                source.maximum_batching_window_in_seconds,
                source.maximum_concurrency,
            )
            for source in self._app.event_sources
            if isinstance(source, SQSEventConfig)
        ]

    def schedules(self) -> dict[str, Schedule]:
        """Return the scheduled functions by name."""
        prefix = f"{self._config.app_name}-{self._config.chalice_stage}"
        return {
            source.name: Schedule(
                self._function(source.name, source.name),
                _expression(source.schedule_expression),
                f"{prefix}-{source.name}-event",
            )
            for source in self._app.event_sources
            if isinstance(source, ScheduledEventConfig)
        }

    def not_run(self) -> list[str]:
        """Return the functions that nothing triggers here, each with its kind of event source."""
        return [
            f"{source.name} ({type(source).__name__.removesuffix('EventConfig')})"
            for source in self._app.event_sources
            if not isinstance(source, SQSEventConfig | ScheduledEventConfig)
        ]

    def shutdown(self, timeout: float) -> bool:
        """Wait for the invocations in flight.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether all have ended. Those that have not die with the process, or with their
            containers now.
        """
        ended = self._workers.wait(timeout)
        for containers in self._containers:
            containers.close()
        return ended

    def _function(self, name: str, handler_name: str) -> Function:
        if name not in self._made:
            config = self._config.scope(self._config.chalice_stage, name)
            configuration = Configuration(
                name=f"{config.app_name}-{config.chalice_stage}-{name}",
                memory=config.lambda_memory_size or DEFAULT_LAMBDA_MEMORY_SIZE,
                timeout=float(config.lambda_timeout or DEFAULT_LAMBDA_TIMEOUT),
            )
            self._made[name] = Function(
                name,
                self._run(handler_name, configuration, config),
                configuration.timeout,
                config.project_dir,
                self._workers,
                self.faults,
            )
        return self._made[name]

    def _run(self, handler_name: str, configuration: Configuration, config: Config) -> Run:
        """Return a handler's runner: in this process, or in frozen ones of its own."""
        if not self.faults.settings.frozen:
            return partial(run, self._app.handler_map[handler_name], configuration)
        # The stage's variables are in this process, where some lead to the local AWS by now.
        own = config.environment_variables.items() - self._config.environment_variables.items()
        containers = FrozenContainers(
            Path(config.project_dir), handler_name, configuration, dict(own)
        )
        self._containers.append(containers)
        return containers.run


def _expression(schedule: str | ScheduleExpression) -> str:
    return schedule if isinstance(schedule, str) else schedule.to_string()
