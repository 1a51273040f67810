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
from chalicelib.model import UserId
from chalicelib.outbox import SqsOutbox
from chalicelib.posting.boto3_poster import CLIENT_CONFIG, Boto3Poster
from chalicelib.service.broadcast import Broadcast
from chalicelib.service.connect import Connect
from chalicelib.service.disconnect import Disconnect
from chalicelib.service.message import Accept
from chalicelib.store import DynamoStore

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        store = DynamoStore(
            session.client("dynamodb", region_name=settings.region, config=AWS_CONFIG),
            settings.table,
            time.time,
        )
        sqs = session.client("sqs", region_name=settings.region, config=AWS_CONFIG)
        queue_url = functools.cache(lambda: sqs.get_queue_url(QueueName=settings.queue)["QueueUrl"])
        self.connect = Connect(store, lambda: UserId(str(uuid.uuid4())))
        self.accept = Accept(
            store, SqsOutbox(sqs, queue_url), self.poster, time.time, lambda: uuid.uuid4().hex
        )
        self.disconnect = Disconnect(store)
        self.broadcast = Broadcast(store, self.poster)

    def poster(self, api_id: str, stage: str) -> Poster:
        """Return the poster for an API and stage, kept for the container's life."""
        endpoint = self.settings.connections_endpoint(api_id, stage)
        with _lock:
            if endpoint not in self._posters:
                client = self._session.client(
                    "apigatewaymanagementapi",
                    region_name=self.settings.region,
                    endpoint_url=endpoint,
                    config=CLIENT_CONFIG,
                )
                self._posters[endpoint] = Boto3Poster(client)
            return self._posters[endpoint]


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
    with _building:
        return _graph()


_building: Final = threading.Lock()


@functools.cache
def _graph() -> Graph:
    return Graph(settings.load(), boto3.Session())
