"""Gateway before an app that records every event of its handlers."""

import contextlib
import http.client
import queue
import threading
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config as ClientConfig
from chalice.app import Chalice, WebsocketEvent
from chalice.config import Config
from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
from websockets.sync.client import ClientConnection, connect

from apigw_local.faults import NO_FAULTS, FaultSettings
from apigw_local.gateway import Gateway
from apigw_local.lambda_.functions import Function, Functions

Handler = Callable[[WebsocketEvent], Any]
WAIT_SECONDS = 5.0


def answer_nothing(event: WebsocketEvent) -> None:
    """Do what most handlers do: return without a result."""


class Served:
    """Running gateway, clients of it, and the events of its functions.

    Attributes:
        gateway: The gateway.
        functions: The functions behind it.
    """

    def __init__(
        self,
        *,
        connect: Handler | None = answer_nothing,
        message: Handler | None = answer_nothing,
        disconnect: Handler | None = answer_nothing,
        fault_settings: FaultSettings = NO_FAULTS,
        config: dict[str, Any] | None = None,
        **gateway: Any,
    ) -> None:
        app = Chalice("recorder")
        app.websocket_api.configure("unused.example", "api")
        self._events: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self._add(app.on_ws_connect(name="connect"), "$connect", connect)
        self._add(app.on_ws_message(name="message"), "$default", message)
        self._add(app.on_ws_disconnect(name="disconnect"), "$disconnect", disconnect)
        on_disk = {"app_name": "recorder", **(config or {})}
        self.functions = Functions(app, Config(config_from_disk=on_disk), fault_settings)
        self.gateway = Gateway(
            self.functions, stage="api", port=0, fault_settings=fault_settings, **gateway
        )
        self.gateway.start()
        self._clients = contextlib.ExitStack()

    def stop(self) -> None:
        """Stop the gateway and close all clients."""
        self.gateway.stop(1.0)
        self._clients.close()

    def _add(self, decorate: Callable[..., Any], route_key: str, handler: Handler | None) -> None:
        self._events[route_key] = queue.SimpleQueue()
        if handler is None:
            return

        def record(event: WebsocketEvent) -> Any:
            self._events[route_key].put(event.to_dict())
            return handler(event)

        decorate(record)

    def event(self, route_key: str) -> dict[str, Any]:
        """The next event that the route's function saw."""
        return self._events[route_key].get(timeout=WAIT_SECONDS)

    def saw_nothing(self, route_key: str) -> bool:
        """Return whether the route's function has seen no further event."""
        return self._events[route_key].empty()

    def connect(self, path: str = "", **options: Any) -> ClientConnection:
        """Open a WebSocket, closed by `stop` at the latest."""
        opening = connect(self.gateway.url + path, **{"compression": None, **options})
        client: ClientConnection = self._clients.enter_context(opening)
        return client

    def connected(self, **options: Any) -> tuple[ClientConnection, str]:
        """Open a WebSocket, and learn its connection id from the `$connect` event."""
        client = self.connect(**options)
        return client, self.event("$connect")["requestContext"]["connectionId"]

    def management(
        self, endpoint: str | None = None, **options: Any
    ) -> ApiGatewayManagementApiClient:
        """A boto3 client of `@connections`."""
        keywords = {
            "endpoint_url": endpoint or self.gateway.endpoint,
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "config": ClientConfig(retries={"total_max_attempts": 1}),
        }
        return boto3.client("apigatewaymanagementapi", **{**keywords, **options})

    def call(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """One request over HTTP, with the path as it is: the answer and its body."""
        return request(self.gateway, method, path, body, headers)


def request(
    gateway: Gateway,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request to a gateway: the answer and its body."""
    client = http.client.HTTPConnection(gateway.endpoint.split("/")[2], timeout=5)
    client.request(method, path, body, headers or {})
    answer = client.getresponse()
    content = answer.read()
    client.close()
    return answer, content


def bare(handler: Callable[[dict[str, Any]], Any]) -> Function:
    """A function whose event and result pass Chalice unchanged, as those of queues do."""
    app = Chalice("bare")
    app.on_sqs_message(queue="none", name="bare")(lambda event: handler(event.to_dict()))
    return Functions(app, Config(config_from_disk={"app_name": "bare"})).sqs()[0].function


class Gate:
    """Lets a test hold a handler and see that it is held."""

    def __init__(self) -> None:
        self._entered = threading.Semaphore(0)
        self._open = threading.Event()

    def __call__(self, event: WebsocketEvent) -> None:  # noqa: ARG002 - a handler's signature
        """Wait, as a handler, until the test opens the gate."""
        self._entered.release()
        assert self._open.wait(WAIT_SECONDS)

    def wait_entered(self) -> None:
        """Wait until one more handler stands at the gate."""
        assert self._entered.acquire(timeout=WAIT_SECONDS)

    def open(self) -> None:
        """Let all handlers pass."""
        self._open.set()
