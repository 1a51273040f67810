"""The handlers as Lambda calls them: recorded events, emulated table and queue, real posts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chalice.local import LambdaContext
from chalice.test import Client, InvokeResponse, TestLambdaClient
from moto import mock_aws

from app import app
from chalicelib import container, settings
from chalicelib.graph import Graph
from tests.support import resources, strict
from tests.support.management_server import Connections
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENTS = Path(__file__).parent / "events"


@pytest.fixture
def clock() -> Callable[[], float]:
    """The functions' clock, in seconds since 1970; a file of tests may have another."""
    return time.time


def standing_clock() -> Callable[[], float]:
    """Make a clock that stands still: however slow the machine is, nothing is late or over."""
    now = time.time()
    return lambda: now


@pytest.fixture
def connections() -> Iterator[Connections]:
    """The `@connections` API that the handlers post to."""
    with Connections() as api:
        yield api


class Functions(TestLambdaClient):
    """Chalice's, but functions have as long as .chalice/config.json gives them, not 3 seconds."""

    def invoke(self, function_name: str, payload: Any = None) -> InvokeResponse:
        """Invoke a function."""
        scoped = self._config.scope(self._config.chalice_stage, function_name)
        context = LambdaContext(
            function_name, scoped.lambda_memory_size, scoped.lambda_timeout * 1000
        )
        with self._patched_env_vars(scoped.environment_variables):
            return InvokeResponse(payload=self._app.handler_map[function_name](payload, context))


class PatientClient(Client):
    """Chalice's test client, on a machine that may be slow."""

    @property
    def lambda_(self) -> Functions:
        """Invokes functions."""
        return Functions(self._app, self._chalice_config)


class Lambdas:
    """Invokes the application's handlers with recorded events.

    Attributes:
        clock: the functions' clock.
        connected_at: when connections opened, in milliseconds since 1970: a minute ago, so that
            none has expired, and the gateway may be asked after each.
    """

    def __init__(self, client: Client, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.connected_at = (int(clock()) - 60) * 1000
        self._client = client
        self._sqs = resources.client("sqs")
        self._queue_url = self._sqs.get_queue_url(QueueName=resources.QUEUE)["QueueUrl"]

    def connect(
        self,
        connection_id: str,
        query: dict[str, str] | None = None,
        subprotocols: str | None = None,
        origin: str | None = None,
    ) -> Any:
        """Open a connection; the result is the handler's answer."""
        event = self._event("connect", connection_id)
        event.pop("queryStringParameters")
        event.pop("multiValueQueryStringParameters")
        if query is not None:
            event["queryStringParameters"] = query
            event["multiValueQueryStringParameters"] = {k: [v] for k, v in query.items()}
        if subprotocols is not None:
            event["headers"]["Sec-WebSocket-Protocol"] = subprotocols
            event["multiValueHeaders"]["Sec-WebSocket-Protocol"] = [subprotocols]
        if origin is not None:
            event["headers"]["Origin"] = origin
            event["multiValueHeaders"]["Origin"] = [origin]
        return self._client.lambda_.invoke("on_ws_connect", event).payload

    def message(self, connection_id: str, body: object) -> Any:
        """Send a frame; anything but a string is sent as JSON."""
        event = self._event("message", connection_id)
        event["body"] = body if isinstance(body, str) else json.dumps(body)
        return self._client.lambda_.invoke("on_ws_message", event).payload

    def disconnect(self, connection_id: str) -> Any:
        """Close a connection."""
        event = self._event("disconnect", connection_id)
        return self._client.lambda_.invoke("on_ws_disconnect", event).payload

    def queued(self) -> list[dict[str, Any]]:
        """Take what is queued, as the event source mapping would."""
        messages = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
        ).get("Messages", [])
        template = json.loads((EVENTS / "broadcast.json").read_text())["Records"][0]
        for message in messages:
            self._sqs.delete_message(
                QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"]
            )
        return [
            template
            | {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in messages
        ]

    def queued_messages(self) -> list[Any]:
        """Take what is queued, and return the jobs that are messages."""
        jobs = [json.loads(record["body"]) for record in self.queued()]
        return [job for job in jobs if job["type"] == "message"]

    def broadcast(self) -> None:
        """Broadcast what is queued, until nothing is."""
        while records := self.queued():
            self.invoke_broadcast(records)

    def invoke_broadcast(self, records: list[dict[str, Any]]) -> None:
        """Broadcast some records."""
        self._client.lambda_.invoke("broadcast", {"Records": records})

    def begin_anew(self) -> None:
        """Let a new container begin, which finds the settings as they are now."""
        with container.fresh():
            pass

    def _event(self, name: str, connection_id: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        event["requestContext"]["connectionId"] = connection_id
        event["requestContext"]["connectedAt"] = self.connected_at
        return event


@pytest.fixture
def client(
    connections: Connections, clock: Callable[[], float], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """Chalice's test client, over the resources of infra/resources.json."""
    monkeypatch.setenv("WEBSOCKET_ENDPOINT", connections.endpoint)
    monkeypatch.setenv("WEBSOCKET_URL", "wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/api")
    with mock_aws(), PatientClient(app, project_dir=str(PROJECT)) as chalice_client:
        resources.create(PROJECT)
        graph = Graph(settings.load(), clock)
        for each in (graph.dynamodb, graph.sqs):
            strict.check(each.meta.events)
        with container.fresh(graph):
            yield chalice_client


@pytest.fixture
def lambdas(client: Client, clock: Callable[[], float]) -> Lambdas:
    """The application's functions."""
    return Lambdas(client, clock)
