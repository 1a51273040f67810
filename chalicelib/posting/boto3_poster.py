"""A poster on boto3's client and threads."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from itertools import repeat
from typing import TYPE_CHECKING, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, ReadTimeoutError

from chalicelib.posting.port import Reason, Report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

    from chalicelib.model import ConnectionId
    from chalicelib.posting.port import Post

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


class Boto3Poster:
    """Posts through a boto3 client made with `CLIENT_CONFIG`, many connections at a time."""

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="post")

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """See `Poster.post`."""
        frames: dict[ConnectionId, list[bytes]] = {}
        for connection_id, frame in posts:
            frames.setdefault(connection_id, []).append(frame)
        report = Report()
        for connection_id, (sent, reason) in zip(
            frames,
            self._threads.map(self._post_in_order, frames, frames.values(), repeat(deadline)),
            strict=True,
        ):
            report.posts += sent
            report.add(connection_id, reason)
        return report

    def _post_in_order(
        self, connection_id: ConnectionId, frames: list[bytes], deadline: float
    ) -> tuple[int, Reason | None]:
        """Return how many posts were sent, and why they ended early if they did."""
        for sent, frame in enumerate(frames):
            if time.monotonic() >= deadline:
                return sent, Reason.TIMED_OUT
            try:
                self._client.post_to_connection(ConnectionId=connection_id, Data=frame)
            except (ClientError, BotoCoreError) as error:
                return sent + 1, _reason(error)
        return len(frames), None


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
