"""The stage of the WebSocket API that a gateway serves, shared by all its sockets."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from apigw_local.faults import Faults
from apigw_local.gateway.activity_log import Journal
from apigw_local.gateway.events import Events
from apigw_local.gateway.iam import Access, Guard
from apigw_local.gateway.quotas import Limits
from apigw_local.gateway.registry import Registry
from apigw_local.gateway.routing import Routes
from apigw_local.gateway.throttle import Throttle
from apigw_local.lambda_.functions import Functions
from apigw_local.sqs.event_source_mapping import EventSourceMapping


class Api:
    """What a deployed stage has: routes, quotas, open connections and work under way.

    Attributes:
        region: The region it would be in.
        stage: The stage's name, which is the path of every URL.
        domain_name: The one it would have on AWS.
        events: Makes the events its functions get.
        functions: The functions of the app.
        routes: Which of them are behind its routes.
        limits: Its quotas.
        throttle: What is left of its rates.
        guard: Who checks the calls of ``@connections``; None lets anybody call.
        faults: Decides what goes wrong on purpose.
        mappings: Those of the app's queues, more of which may still come.
        journal: What has happened.
        connecting: The ids of those whose ``$connect`` has not returned.
        connections: The open ones.
        transports: Every TCP connection, of HTTP clients and WebSockets alike.
        closing: Set when the gateway is stopping and takes no new connections.
    """

    def __init__(
        self,
        api_id: str,
        region: str,
        stage: str,
        functions: Functions,
        routes: Routes,
        limits: Limits,
        faults: Faults,
        access: Access | None,
        mappings: Sequence[EventSourceMapping],
    ) -> None:
        self.region = region
        self.stage = stage
        self.domain_name = f"{api_id}.execute-api.{region}.amazonaws.com"
        self.events = Events(api_id, stage)
        self.functions = functions
        self.routes = routes
        self.limits = limits
        self.throttle = Throttle(limits, time.monotonic())
        self.guard = Guard(access, region, f"{api_id}/{stage}") if access else None
        self.faults = faults
        self.mappings = mappings
        self.journal = Journal()
        self.connecting: set[str] = set()
        self.connections = Registry()
        self.transports: set[asyncio.Transport] = set()
        self.closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a task run that the gateway waits for before it stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def pause(self, seconds: float) -> None:
        """Wait for some time, but no longer than until the gateway stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.closing.wait()

    async def idle(self) -> None:
        """Wait until no task is left, including those that tasks started."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # asyncio itself tells of it when the task is freed, which may be never.
            context = {"message": f"{task.get_coro()} failed", "exception": error}
            task.get_loop().call_exception_handler(context)
