"""The stage of the WebSocket API that a gateway serves, shared by all its sockets."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from localdev.functions import Functions
from localdev.gateway.events import Events
from localdev.gateway.limits import Limits
from localdev.gateway.registry import Registry


class Api:
    """What a deployed stage has: routes, quotas, open connections and work under way.

    Attributes:
        stage: The stage's name, which is the path of every URL.
        domain_name: The one it would have on AWS.
        events: Makes the events its functions get.
        functions: The functions behind its routes.
        limits: Its quotas.
        connections: The open ones.
        transports: Every TCP connection, of HTTP clients and WebSockets alike.
        closing: Whether the gateway is stopping and takes no new connections.
    """

    def __init__(
        self, api_id: str, region: str, stage: str, functions: Functions, limits: Limits
    ) -> None:
        self.stage = stage
        self.domain_name = f"{api_id}.execute-api.{region}.amazonaws.com"
        self.events = Events(api_id, stage)
        self.functions = functions
        self.limits = limits
        self.connections = Registry()
        self.transports: set[asyncio.Transport] = set()
        self.closing = False
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a task run that the gateway waits for before it stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until no task is left, including those that tasks started."""
        while self._tasks:
            await asyncio.wait(self._tasks)
