"""Poster on sockets of its own, as fast as one core allows."""

from __future__ import annotations

import ssl
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from chalicelib.adapters.apigateway.connection_pool import ConnectionPool
from chalicelib.adapters.apigateway.endpoint import Addresses, Endpoint, resolve
from chalicelib.adapters.apigateway.engine import Engine
from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.adapters.apigateway.sigv4 import Signer
from chalicelib.core.ports.poster import ConnectionInfo, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.adapters.apigateway.endpoint import Address
    from chalicelib.adapters.apigateway.sigv4 import AwsCredentials
    from chalicelib.core.model import ConnectionId
    from chalicelib.core.ports.poster import Post, Report


class SocketPoster:
    """Posts through a loop over non-blocking sockets, which are kept from call to call.

    Each call has an engine to itself: the one that was used last, or a new one while all are in
    use. So threads never wait for each other; on Lambda, where calls come one at a time, there is
    but one engine, and `PosterLimits` hold for each.

    Args:
        endpoint: the URL that `/@connections` is appended to.
        region: the AWS region to sign for.
        credentials: called once a call, such as botocore's `get_frozen_credentials`, so that
            they may rotate.
        limits: what each call may use.
        tls: whom to trust; without it, what the system does.
        resolve: finds the endpoint's addresses.
        clock: seconds since 1970, to sign for and to tell how long a container was frozen.

    Raises:
        ValueError: the endpoint is no http or https URL.
    """

    def __init__(
        self,
        endpoint: str,
        region: str,
        credentials: Callable[[], AwsCredentials],
        *,
        limits: PosterLimits = PosterLimits(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
        resolve: Callable[[Endpoint], list[Address]] = resolve,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._endpoint = Endpoint.parse(endpoint)
        self._region = region
        self._credentials = credentials
        self._limits = limits
        self._resolve = resolve
        # Reading the system's certificates takes 20 ms, which plain http need not spend.
        self._tls = tls or (ssl.create_default_context() if self._endpoint.secure else None)
        self._pools: deque[ConnectionPool] = deque()
        self._engines: deque[Engine] = deque()
        self._shut = weakref.finalize(self, _close_all, self._pools)

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """See `Poster.post`."""
        return self._ask("POST", posts, deadline)[0]

    def close(self, connection_id: ConnectionId, deadline: float) -> Reason | None:
        """See `Manager.close`."""
        report, _ = self._ask("DELETE", [(connection_id, b"")], deadline)
        return _reason(report, connection_id)

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:
        """See `Manager.info`."""
        report, body = self._ask("GET", [(connection_id, b"")], deadline)
        reason = _reason(report, connection_id)
        if reason is not None:
            return reason
        try:
            return msgspec.json.decode(body, type=ConnectionInfo)
        except msgspec.MsgspecError:
            return Reason.REFUSED

    def shut(self) -> None:
        """Close the sockets, for good; garbage collection does it too."""
        self._shut()

    def _ask(self, method: str, posts: Iterable[Post], deadline: float) -> tuple[Report, bytes]:
        try:
            engine = self._engines.pop()
        except IndexError:
            engine = self._new_engine()
        try:
            report = engine.run(posts, self._credentials(), deadline, method)
            return report, engine.body
        finally:
            self._engines.append(engine)

    def _new_engine(self) -> Engine:
        addresses = Addresses(self._endpoint, self._resolve)
        pool = ConnectionPool(self._endpoint, addresses, self._tls, self._limits, self._clock)
        self._pools.append(pool)
        signer = Signer(self._endpoint, self._region)
        return Engine(pool, signer, self._limits, self._clock)


def _close_all(pools: Iterable[ConnectionPool]) -> None:
    for pool in pools:
        pool.close()


def _reason(report: Report, connection_id: ConnectionId) -> Reason | None:
    if connection_id in report.gone:
        return Reason.GONE
    return report.failed.get(connection_id)
