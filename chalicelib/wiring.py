"""Builds the object graph on first use, once per container; importing it builds nothing."""

from __future__ import annotations

import functools
import threading
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from chalicelib import settings
from chalicelib.errors import SettingsError
from chalicelib.members import LastCensus, MemberCache
from chalicelib.model import UserId
from chalicelib.outbox import SqsOutbox
from chalicelib.posting.boto3_poster import CLIENT_CONFIG, Boto3Poster
from chalicelib.posting.socket_poster import SocketPoster
from chalicelib.service.broadcast import Broadcast
from chalicelib.service.connect import Connect
from chalicelib.service.delivery import Delivery
from chalicelib.service.disconnect import Disconnect
from chalicelib.service.membership import Membership
from chalicelib.service.message import Receive
from chalicelib.service.presence import Herald
from chalicelib.service.reading import Reading
from chalicelib.service.saying import Saying
from chalicelib.store.dynamo import DynamoStore
from chalicelib.telemetry import CurrentMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.model import Origin
    from chalicelib.posting import Poster
    from chalicelib.settings import Settings

AWS_CONFIG: Final = Config(
    # The gateway gives a function 29 s; botocore would wait 60 s for a single answer.
    connect_timeout=2,
    read_timeout=5,
    # One invocation at a time on Lambda; locally many share the process.
    max_pool_connections=64,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
)

_lock: Final = threading.Lock()


class Graph:
    """The use cases of one container, on clients that they share."""

    def __init__(self, settings: Settings, session: boto3.Session) -> None:
        self.settings = settings
        self._session = session
        self._posters: dict[str, Poster] = {}
        region = settings.region
        self.dynamodb = session.client("dynamodb", region_name=region, config=AWS_CONFIG)
        self.sqs = session.client("sqs", region_name=region, config=AWS_CONFIG)
        store = DynamoStore(self.dynamodb, settings.table, time.time)

        def url(name: str) -> Callable[[], str]:
            return functools.cache(lambda: self.sqs.get_queue_url(QueueName=name)["QueueUrl"])

        outbox = SqsOutbox(self.sqs, url(settings.queue), url(settings.dead_letter_queue))
        meter = CurrentMeter()
        herald = Herald(outbox, _new_id, meter)
        self.connect = Connect(store, herald, lambda: UserId(str(uuid.uuid4())))
        self.receive = Receive(
            store,
            self.poster,
            Saying(store, outbox, time.time, _new_id, meter),
            Membership(store, herald),
            Reading(store),
            meter,
        )
        self.disconnect = Disconnect(store, herald)
        self.broadcast = Broadcast(
            store,
            outbox,
            Delivery(store, outbox, self.poster, herald, _new_id, time.time, meter),
            MemberCache(store),
            LastCensus(),
            settings.fanout,
            time.time,
            meter,
        )

    def poster(self, origin: Origin) -> Poster:
        """Return the poster for an API and stage, kept for the container's life."""
        endpoint = self.settings.connections_endpoint(origin.api_id, origin.stage)
        with _lock:
            if endpoint not in self._posters:
                self._posters[endpoint] = self._new_poster(endpoint)
            return self._posters[endpoint]

    def _new_poster(self, endpoint: str) -> Poster:
        if self.settings.poster == "boto3":
            return Boto3Poster(
                self._session.client(
                    "apigatewaymanagementapi",
                    region_name=self.settings.region,
                    endpoint_url=endpoint,
                    config=CLIENT_CONFIG,
                )
            )
        credentials = self._session.get_credentials()
        if credentials is None:
            raise SettingsError("There are no AWS credentials to sign posts with.")
        return SocketPoster(endpoint, self.settings.region, credentials.get_frozen_credentials)


def _new_id() -> str:
    return uuid.uuid4().hex


@contextmanager
def fresh() -> Iterator[None]:
    """Let the block begin without a graph, as a new container does, and leave none behind."""
    _graph.cache_clear()
    yield
    _graph.cache_clear()


def graph() -> Graph:
    """Return this container's graph.

    The lock matters where handlers share a process, as they do locally: boto3 sessions are not
    thread-safe (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html).
    """
    with _lock:
        return _graph()


@functools.cache
def _graph() -> Graph:
    return Graph(settings.load(), _session())


@functools.cache
def _session() -> boto3.Session:
    return boto3.Session()
