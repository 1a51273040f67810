"""Poster on boto3's client and threads, to compare `SocketPoster` with."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import repeat
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError
from msgspec import Struct

from chalicelib.core.ports.poster import ClientIdentity, ConnectionInfo, Reason, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

    from chalicelib.core.model import ConnectionId
    from chalicelib.core.ports.poster import Post

CONCURRENCY: Final = 64

CLIENT_CONFIG: Final = Config(
    # boto3's own defaults, 60 s and 10 sockets, let one half-dead client hold up the others.
    connect_timeout=2,
    read_timeout=3,
    max_pool_connections=CONCURRENCY,
    # A retried post may arrive twice, and the caller has a deadline: what fails is reported.
    retries={"total_max_attempts": 1},
    tcp_keepalive=True,
)


class _Outcome(Struct):
    """Outcome of the posts to one connection; no reason means that all were delivered."""

    sent: int = 0
    slowest: float = 0.0
    reason: Reason | None = None
    complaint: str = ""


class Boto3Poster:
    """Posts through a boto3 client made with `CLIENT_CONFIG`, many connections at a time.

    It draws all posts at once, and sends none again.
    """

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="post")

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """See `Poster.post`."""
        started = time.monotonic()
        frames: dict[ConnectionId, list[bytes]] = {}
        for connection_id, frame in posts:
            frames.setdefault(connection_id, []).append(frame)
        report = Report()
        for connection_id, outcome in zip(
            frames,
            self._threads.map(self._post_in_order, frames, frames.values(), repeat(deadline)),
            strict=True,
        ):
            report.posts += outcome.sent
            report.slowest = max(report.slowest, outcome.slowest)
            report.add(connection_id, outcome.reason)
            if outcome.reason not in (None, Reason.GONE):
                report.complaints.setdefault(outcome.reason, outcome.complaint)
        report.seconds = time.monotonic() - started
        return report

    def close(self, connection_id: ConnectionId, deadline: float) -> Reason | None:
        """See `Manager.close`."""
        if time.monotonic() >= deadline:
            return Reason.TIMED_OUT
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            return _reason(error)
        return None

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:
        """See `Manager.info`."""
        if time.monotonic() >= deadline:
            return Reason.TIMED_OUT
        try:
            found = self._client.get_connection(ConnectionId=connection_id)
        except (ClientError, BotoCoreError) as error:
            return _reason(error)
        identity = ClientIdentity(found["Identity"]["SourceIp"], found["Identity"].get("UserAgent"))
        return ConnectionInfo(found["ConnectedAt"], found["LastActiveAt"], identity)

    def _post_in_order(
        self, connection_id: ConnectionId, frames: list[bytes], deadline: float
    ) -> _Outcome:
        outcome = _Outcome()
        for frame in frames:
            started = time.monotonic()
            if started >= deadline:
                outcome.reason = Reason.TIMED_OUT
                outcome.complaint = "the deadline came first"
                return outcome
            outcome.sent += 1
            try:
                self._client.post_to_connection(ConnectionId=connection_id, Data=frame)
            except (ClientError, BotoCoreError) as error:
                outcome.reason, outcome.complaint = _reason(error), str(error)
                return outcome
            outcome.slowest = max(outcome.slowest, time.monotonic() - started)
        return outcome


def _reason(error: ClientError | BotoCoreError) -> Reason:
    if isinstance(error, ClientError):
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == HTTPStatus.GONE:
            return Reason.GONE
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Reason.THROTTLED
        return Reason.SERVER_ERROR if status >= HTTPStatus.INTERNAL_SERVER_ERROR else Reason.REFUSED
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return Reason.TIMED_OUT
    return Reason.REFUSED
