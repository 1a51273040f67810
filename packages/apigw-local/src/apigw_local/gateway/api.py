"""Stage of a WebSocket API: the state that all its connections share."""

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from apigw_local.faults import FaultInjector
from apigw_local.gateway.activity_log import ActivityLog
from apigw_local.gateway.events import EventFactory
from apigw_local.gateway.iam import IamIdentity
from apigw_local.gateway.quotas import Quotas, Throttle
from apigw_local.gateway.request_authorizer import RequestAuthorizer
from apigw_local.gateway.routing import Routes
from apigw_local.lambda_.functions import Functions
from apigw_local.sqs.event_source_mapping import EventSourceMapping

if TYPE_CHECKING:
    from apigw_local.gateway.connection import WebSocketConnection


class Api:
    """Deployed stage of a WebSocket API: routes, quotas, open connections, running tasks.

    Attributes:
        region: The region that its events name.
        stage: The stage's name, which is the path of every URL.
        domain_name: The domain that a deployed API would have.
        events: Factory of its functions' events.
        functions: The functions of the app.
        routes: The routes and their functions.
        quotas: The quotas in force.
        throttle: The token buckets of its rates.
        authorizer: The authorizer of calls of ``@connections``; None accepts unsigned ones.
        faults: The injector of faults.
        mappings: The event source mappings of the app's queues; more may be added.
        activity_log: Counters and log.
        connecting: Ids of connections whose ``$connect`` has not returned.
        connections: The open connections by id.
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
        quotas: Quotas,
        faults: FaultInjector,
        iam_identity: IamIdentity | None,
        mappings: Sequence[EventSourceMapping],
    ) -> None:
        self.region = region
        self.stage = stage
        self.domain_name = f"{api_id}.execute-api.{region}.amazonaws.com"
        self.events = EventFactory(api_id, stage)
        self.functions = functions
        self.routes = routes
        self.quotas = quotas
        self.throttle = Throttle(quotas, time.monotonic())
        self.authorizer = (
            RequestAuthorizer(iam_identity, region, f"{api_id}/{stage}") if iam_identity else None
        )
        self.faults = faults
        self.mappings = mappings
        self.activity_log = ActivityLog()
        self.connecting: set[str] = set()
        self.connections: dict[str, WebSocketConnection] = {}
        self.transports: set[asyncio.Transport] = set()
        self.closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a task that the gateway waits for before it stops."""
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
            # asyncio itself reports it when the task is freed, which may be never.
            context = {"message": f"{task.get_coro()} failed", "exception": error}
            task.get_loop().call_exception_handler(context)
