"""The application's handlers over twins of its adapters, and what may never happen there."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
import uuid
from abc import ABC, abstractmethod
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import msgspec
from hypothesis import HealthCheck, settings
from msgspec.structs import replace

import app
from chalicelib import container
from chalicelib.adapters import telemetry
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.auth_settings import AuthMode, AuthSettings
from chalicelib.core.errors import RETRY, Code
from chalicelib.core.fanout import Fanout
from chalicelib.core.jobs import encode
from chalicelib.core.limits import Limits
from chalicelib.core.model import ConnectionId
from chalicelib.core.origin_policy import OriginPolicy
from chalicelib.core.protocol import FRAME_LIMIT, SUBPROTOCOL, Frame
from chalicelib.graph import Graph
from chalicelib.settings import Settings
from tests.fuzz.strategies.handshakes import ORIGINS
from tests.fuzz.strategies.values import UNSAYABLE
from tests.support import jwt_issuer, resources
from tests.support.fakes import MemoryJobQueue, MemoryPoster, MemoryStore
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.model import ApiStage
    from chalicelib.core.ports.poster import ManagementApi
    from chalicelib.core.ports.store import Store

AnyServer = TypeVar("AnyServer", bound="Server")

fuzz: Final = settings(
    # An example holds many inputs, so half as many do.
    max_examples=settings().max_examples // 2,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""For tests that give the handlers many inputs for each example."""

few: Final = settings(fuzz, max_examples=fuzz.max_examples // 20)
"""For tests whose table is an emulated one, which takes its time."""

SETTINGS: Final = Settings(
    table="fanfare-dev",
    queue="fanfare-dev.fifo",
    dead_letter_queue="fanfare-dev-dead.fifo",
    region="us-east-1",
    fanout=Fanout(linger_limit=0),
    # Nothing is refused for coming too fast: every input shall be looked at.
    limits=Limits(frames=1e9, joins=1e9, user_frames=0, connections=1_000),
    access=AuthSettings(
        mode=AuthMode.HS256,
        secret="/fanfare/secret",
        issuer=jwt_issuer.ISSUER,
        audience=jwt_issuer.AUDIENCE,
        private=("secret-*",),
        origins=OriginPolicy(frozenset(ORIGINS[:1])),
    ),
)
ANONYMOUS: Final = replace(SETTINGS, access=replace(SETTINGS.access, mode=AuthMode.ANONYMOUS))

_readers: Final[dict[str, list[msgspec.json.Decoder[Any]]]] = {}
for _frame in get_args(Frame):
    # Two are tagged `message`: one for each protocol.
    _readers.setdefault(_frame.__struct_config__.tag, []).append(msgspec.json.Decoder(_frame))


@dataclass(frozen=True)
class Context:
    """The context that Lambda gives a function with its invocation."""

    aws_request_id: str = "8b2f"

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 25_000


class Twins(Graph):
    """The application's own object graph, but for the adapters.

    Args:
        store: what stands in for the table.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.store = store
        self.job_queue = MemoryJobQueue()
        self.gateway = MemoryPoster()
        super().__init__(settings)

    def poster(self, api_stage: ApiStage) -> ManagementApi:  # noqa: ARG002 - there is one
        """Post to the twin."""
        return self.gateway

    def _store(self, _: object) -> Store:
        return self.store

    def _job_queue(self) -> MemoryJobQueue:
        return self.job_queue

    def _read_secret(self, place: str) -> str:  # noqa: ARG002 - there is one
        return jwt_issuer.SECRET

    def _client(self, *_: object) -> None:
        """Nothing is asked of AWS."""


class Server(ABC):
    """Hands events to the application's handlers, and looks at what comes of it."""

    NAMES = ("room", "rooms")

    def __init__(self, settings: Settings, store: Store) -> None:
        self.graph = Twins(settings, store)
        self.log = io.StringIO()

    def connect(
        self, connection_id: str, headers: dict[str, str], query: dict[str, str] | None = None
    ) -> int:
        """Open a connection; return the status of the handshake, and no more than that is told."""
        context = self._context("CONNECT", connection_id)
        event = {"headers": headers, "requestContext": context}
        if query is not None:
            event["queryStringParameters"] = query
        answer = app.on_ws_connect(event, Context())
        v1 = {"headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL}}
        assert answer in ({"statusCode": answer["statusCode"]}, {"statusCode": 200, **v1})
        return int(answer["statusCode"])

    def frame(self, connection_id: str, body: str) -> list[Any]:
        """Send a frame; return the objects of its answer, each looked at."""
        received = self.graph.gateway.received[ConnectionId(connection_id)]
        seen = len(received)
        event = {"requestContext": self._context("MESSAGE", connection_id), "body": body}
        assert app.on_ws_message(event, Context()) == {"statusCode": 200}
        return [one for text in received[seen:] for one in objects(text)]

    def told(self, connection_id: str) -> list[Any]:
        """Return the objects that a connection has been posted, each looked at."""
        texts = self.graph.gateway.received[ConnectionId(connection_id)]
        return [one for text in texts for one in objects(text)]

    def post(self, path: str, name: str, body: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Make a request to a path in which a name stands; return status and answer.

        As the gateway does it, a body that is no text comes in base64.
        """
        is_text = body.isascii() or body.encode(errors="ignore").decode() == body
        field = path.split("{")[1].split("}")[0]
        event = {
            "requestContext": {"httpMethod": "POST", "resourcePath": path},
            "headers": headers,
            "multiValueQueryStringParameters": None,
            "pathParameters": {field: name},
            "body": body if is_text else b64encode(body.encode(errors="surrogatepass")).decode(),
            "stageVariables": None,
            "isBase64Encoded": not is_text,
        }
        answer = app.app(event, Context())
        return answer["statusCode"], json.loads(answer["body"] or "null")

    def disconnect(self, connection_id: str) -> None:
        """Let a connection end."""
        event = {"requestContext": self._context("DISCONNECT", connection_id)}
        assert app.on_ws_disconnect(event, Context()) == {"statusCode": 200}

    def broadcast(self, *bodies: str) -> None:
        """Deliver records to the broadcast; it may not raise."""
        attributes = {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(round(time.time() * 1000)),
        }
        records = [
            {
                "messageId": str(number),
                "receiptHandle": str(number),
                "body": body,
                "attributes": attributes,
            }
            for number, body in enumerate(bodies)
        ]
        app.broadcast({"Records": records}, Context())

    def work(self) -> None:
        """Carry out all that is queued, each job as it was queued."""
        while jobs := self.graph.job_queue.jobs:
            batch, jobs[:] = jobs[:10], jobs[10:]
            self.broadcast(*map(encode, batch))

    @abstractmethod
    def kept(self) -> Any:
        """All that is kept but for the books, in which every frame is charged."""

    def state(self) -> dict[str, Any]:
        """All that is kept, queued and told."""
        job_queue, gateway = self.graph.job_queue, self.graph.gateway
        return {
            "kept": self.kept(),
            "jobs": list(job_queue.jobs),
            "buried": list(job_queue.buried),
            "told": {name: len(texts) for name, texts in gateway.received.items() if texts},
        }

    def check_log(self) -> None:
        """Every line is an object of JSON, with nothing that was said or shown in confidence.

        Names of rooms are there for who runs the server; everything else would be too much.
        """
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        assert lines
        for line in lines:
            told = str({name: value for name, value in line.items() if name not in self.NAMES})
            assert UNSAYABLE not in told
            assert jwt_issuer.SECRET not in told

    def _context(self, kind: str, connection_id: str) -> dict[str, Any]:
        return {
            "connectionId": connection_id,
            "apiId": "a1b2c3d4e5",
            "stage": "api",
            "eventType": kind,
            "connectedAt": int(time.time() * 1000),
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
        }


class MemoryServer(Server):
    """Keeps everything in memory."""

    def __init__(self, settings: Settings) -> None:
        self.store = MemoryStore(time.time)
        super().__init__(settings, self.store)

    def kept(self) -> Any:
        """See `Server.kept`; it could be written into a table, which takes UTF-8 alone."""
        rooms = {
            name: (room.head, dict(room.members), dict(room.messages), dict(room.sanctions))
            for name, room in self.store.rooms.items()
            if room.head or room.members or room.sanctions
        }
        for _, members, messages, _ in rooms.values():
            msgspec.json.encode([*members.values(), *messages.values()])
        msgspec.json.encode([*self.store.connections.values()])
        return rooms, dict(self.store.connections)


class TableServer(Server):
    """Keeps everything in a table of its own, by the real adapter; `dynamodb` is emulated."""

    BOOKS = ("paid", "answered")

    def __init__(self, settings: Settings, dynamodb: DynamoDBClient) -> None:
        self.dynamodb = dynamodb
        self.table = f"fanfare-{uuid.uuid4().hex}"
        resources.create_table(PROJECT, self.table)
        store = DynamoStore(dynamodb, self.table, time.time, settings.limits.rooms)
        super().__init__(settings, store)

    def items(self) -> list[Any]:
        """Every item of the table."""
        return list(self.dynamodb.scan(TableName=self.table)["Items"])

    def kept(self) -> Any:
        """See `Server.kept`."""
        return {
            (item["pk"]["S"], item["sk"]["S"]): {
                name: sorted(value["BS"]) if "BS" in value else value
                for name, value in item.items()
                if name not in self.BOOKS
            }
            for item in self.items()
        }


def objects(text: bytes) -> list[Any]:
    """Read what a client was posted, which it must be able to understand."""
    content = json.loads(text)
    found = content if isinstance(content, list) else [content]
    for one in found:
        assert any(_reads(reader, one) for reader in _readers[one["type"]])
        if one["type"] == "error":
            assert one["message"]
            assert one["retry"] == RETRY[Code(one["code"])]
            assert len(text) <= FRAME_LIMIT
    return found


def _reads(reader: msgspec.json.Decoder[Any], one: object) -> bool:
    try:
        reader.decode(json.dumps(one))
    except msgspec.ValidationError:
        return False
    return True


@contextlib.contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """Serve the block's events; at the end the log is looked at."""
    logger, handler = logging.getLogger(telemetry.logger.name), telemetry.logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    with contextlib.redirect_stdout(server.log), container.fresh(server.graph):
        stream = handler.setStream(server.log)
        # pytest would keep a copy of each line as well.
        logger.propagate = False
        try:
            yield server
        finally:
            logger.propagate = True
            handler.setStream(stream)
    server.check_log()


def token(name: str, **rights: list[str]) -> str:
    """A good token of somebody."""
    return jwt_issuer.shared(sub=name, name=name, fanfare=rights or ..., jti=uuid.uuid4().hex)
