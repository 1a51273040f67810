"""Server of one stage of a WebSocket API, in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from websockets.frames import CloseCode

from apigw_local.console.log_events import LogEvent
from apigw_local.faults import NO_FAULTS, FaultInjector, FaultSettings
from apigw_local.gateway.api import Api
from apigw_local.gateway.http_server import HttpServerProtocol
from apigw_local.gateway.iam import IamIdentity
from apigw_local.gateway.quotas import AWS_QUOTAS, Quotas
from apigw_local.gateway.routing import Routes
from apigw_local.lambda_.functions import Functions
from apigw_local.sqs.event_source_mapping import EventSourceMapping

_log = logging.getLogger("apigw_local.gateway")

# Upgrades wait here while the loop is busy: after a restart all clients come at once.
_BACKLOG = 1024

# Cutting TCP at once could destroy a close frame that the client has not read yet.
_GOODBYE_SECONDS = 1.0


class Gateway:
    """Local API Gateway: serves one stage of a WebSocket API and its ``@connections``.

    Attributes:
        url: The clients' URL, e.g. ``ws://127.0.0.1:8001/api``.
        endpoint: The ``endpoint_url`` of an ``apigatewaymanagementapi`` client, e.g.
            ``http://127.0.0.1:8001/api``.
        faults: The injector, with counts of the injected faults.
    """

    def __init__(
        self,
        functions: Functions,
        *,
        stage: str,
        host: str = "127.0.0.1",
        port: int = 8001,
        api_id: str = "local00api",
        region: str = "us-east-1",
        quotas: Quotas = AWS_QUOTAS,
        fault_settings: FaultSettings = NO_FAULTS,
        iam_identity: IamIdentity | None = None,
        routes: Routes | None = None,
        mappings: Sequence[EventSourceMapping] = (),
    ) -> None:
        self.faults = FaultInjector(fault_settings)
        self._api = Api(
            api_id,
            region,
            stage,
            functions,
            routes or Routes.of_chalice(functions),
            quotas,
            self.faults,
            iam_identity,
            mappings,
        )
        self._address = (host, port)
        self._thread: threading.Thread | None = None
        self._set_port(port)

    def start(self) -> None:
        """Serve; clients can connect when this returns.

        Raises:
            OSError: The port is taken, or the host is not one of this machine.
        """
        host, _ = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server(self._address, family=family, backlog=_BACKLOG)
        self._set_port(listener.getsockname()[1])
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)), name="gateway", daemon=True
        )
        self._thread.start()
        ready.result()

    def stop(self, timeout: float = 5.0) -> None:
        """Close every connection with 1001, run ``$disconnect`` for each, free the port.

        Args:
            timeout: Seconds that functions in flight may take to end. The gateway answers their
                calls of ``@connections`` meanwhile.
        """
        if self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._stopping.set_result, timeout)
        self._thread.join()
        self._thread = None

    def _set_port(self, port: int) -> None:
        host, _ = self._address
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.url = f"ws://{authority}/{self._api.stage}"
        self.endpoint = f"http://{authority}/{self._api.stage}"

    async def _serve(self, listener: socket.socket, ready: Future[None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log_defect)
        self._stopping: asyncio.Future[float] = self._loop.create_future()
        server = await self._loop.create_server(
            lambda: HttpServerProtocol(self._api), sock=listener, backlog=_BACKLOG
        )
        ready.set_result(None)
        timeout = await self._stopping
        await self._drain(timeout)
        server.close()
        await self._hang_up()
        self._api.activity_log.calls.flush()

    async def _drain(self, timeout: float) -> None:
        """Close every open connection, and those that a `$connect` under way still opens."""
        self._api.closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while True:
                    for connection in list(self._api.connections.values()):
                        connection.close(CloseCode.GOING_AWAY, "Going away")
                    await self._api.idle()
                    if not self._api.connections:
                        return

    async def _hang_up(self) -> None:
        """Close every TCP connection, after clients had time to answer the close frame."""
        for transport in self._api.transports:
            if isinstance(transport.get_protocol(), HttpServerProtocol):
                transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._all_closed()
        for transport in self._api.transports:
            transport.abort()
        await self._all_closed()

    async def _all_closed(self) -> None:
        while self._api.transports:
            await asyncio.sleep(0.002)


def _log_defect(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log an exception of a task or callback: a defect of the gateway, which goes on."""
    log_event = LogEvent("defect", detail=context["message"], failed=True)
    _log.error(log_event, exc_info=context.get("exception"))
