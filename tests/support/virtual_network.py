"""A network and its time, both simulated: no socket is opened, and no second passes.

A `Network` is the clock, the sockets and the selector of an engine. Waiting for a socket moves the
clock on to what happens next, and so does each look at it, since a processor takes its time.
"""

from __future__ import annotations

import errno
import math
import selectors
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

from botocore.credentials import ReadOnlyCredentials

from chalicelib.adapters.apigateway.connection_pool import ConnectionPool
from chalicelib.adapters.apigateway.endpoint import Addresses, Endpoint
from chalicelib.adapters.apigateway.engine import Engine
from chalicelib.adapters.apigateway.http_connection import HttpConnection
from chalicelib.adapters.apigateway.sigv4 import Signer
from tests.support.management_server import head

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from _typeshed import FileDescriptorLike

    from chalicelib.adapters.apigateway.limits import PosterLimits
    from chalicelib.core.ports.poster import Post, Report

CREDENTIALS: Final = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "a session's token")
ENDPOINT: Final = Endpoint.parse("http://rooms.test/api")
ADDRESS: Final = (2, ("192.0.2.1", 80))

DEADLINE: Final = 3_600.0
"""Seconds that a call has, and needs only if it stalls."""

EMPTY: Final = 3
"""Looks in a row that find nothing and do not wait: one for a sweep, one for what has come due."""


@dataclass(frozen=True)
class Request:
    """A request that has left in whole, and when."""

    at: float
    connection_id: str
    body: bytes


@dataclass
class Network:
    """A gateway, its network, and a clock.

    Attributes:
        costs: seconds that pass with one look at the clock after another, over and over.
        resolution: seconds that a wait is rounded up to a multiple of, as epoll does.
        connecting: seconds that each new socket takes to open; None refuses it.
        service: returns the seconds until a request is answered, and the answer; no bytes break
            the connection.
        piece: bytes that a socket takes at a time.
        before_waiting: called with the time and the time at which waiting ends.
    """

    costs: Sequence[float] = (0.0,)
    resolution: float = 0.001
    connecting: Callable[[int], float | None] = lambda _: 0.0
    service: Callable[[Request], tuple[float, bytes]] = lambda _: (0.0, answer())
    piece: int = 1 << 30
    before_waiting: Callable[[float, float], None] = lambda *_: None
    now: float = 1_000.0
    looks: int = 0
    requests: list[Request] = field(default_factory=list)
    sockets: list[Socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._costs: Iterator[float] = cycle(self.costs)

    def monotonic(self) -> float:
        """Tell the time."""
        self.now += next(self._costs)
        return self.now

    def clock(self) -> float:
        """Tell the seconds since 1970."""
        return 1_800_000_000 + self.now

    def connection(
        self, address: Any = ADDRESS, tls: None = None, name: str = ""
    ) -> HttpConnection:
        """Begin a connection."""
        return HttpConnection(address, tls, name, partial(_open, self))

    def engine(self, limits: PosterLimits) -> Engine:
        """Make an engine that posts over this network."""
        addresses = Addresses(ENDPOINT, lambda _: [ADDRESS])
        connect = cast("Callable[..., HttpConnection]", self.connection)
        pool = ConnectionPool(
            ENDPOINT,
            addresses,
            None,
            limits,
            self.clock,
            connect=connect,
            selector=Selector(self),
        )
        return Engine(pool, Signer(ENDPOINT, "us-east-1"), limits, self.clock, self.monotonic)

    def post(self, engine: Engine, posts: Sequence[Post]) -> Report:
        """Run a call that must end because it is done, and not because time is up."""
        deadline = self.now + DEADLINE
        report = engine.run(posts, CREDENTIALS, deadline)
        assert self.now < deadline, "the engine has stalled"
        return report

    @property
    def opening(self) -> list[Socket]:
        """The sockets that are not open yet."""
        return [one for one in self.sockets if one.opens_at > self.now]

    @property
    def idle(self) -> list[Socket]:
        """The sockets that are open and carry nothing."""
        return [one for one in self.sockets if one.opens_at <= self.now and not one.carries]


def answer(status: HTTPStatus = HTTPStatus.OK, body: bytes = b"") -> bytes:
    """The bytes of an answer."""
    return head(status, f"Content-Length: {len(body)}") + body


def _open(network: Network, *_: int) -> socket.socket:
    made = Socket(network)
    network.sockets.append(made)
    return cast("socket.socket", made)


class Socket:
    """A socket's methods, as far as a connection over plain HTTP calls them."""

    _numbers = count(1_000_000)

    def __init__(self, network: Network) -> None:
        self._network = network
        self._number = next(self._numbers)
        takes = network.connecting(len(network.sockets))
        self._refused = takes is None
        self.opens_at = network.now + (takes or 0.0)
        self.carries = False
        self._sent = b""
        self._room = network.piece
        self._answer = b""
        self._answered_at = math.inf

    def fileno(self) -> int:
        """Return a number that is no file's."""
        return self._number

    def settimeout(self, seconds: float) -> None:
        """Be non-blocking."""
        assert seconds == 0

    def setsockopt(self, *_: int) -> None:
        """Take any option."""

    def getsockopt(self, *_: int) -> int:
        """Tell whether it has connected."""
        return errno.ECONNREFUSED if self._refused else 0

    def connect(self, _: object) -> None:
        """Begin to connect."""
        raise BlockingIOError

    def send(self, data: bytes | memoryview) -> int:
        """Take a piece, and none at once after it."""
        if not self._room:
            raise BlockingIOError
        self.carries = True
        taken = bytes(data[: self._room])
        self._room -= len(taken)
        self._sent += taken
        top, _, body = self._sent.partition(b"\r\n\r\n")
        length = int(top.partition(b"content-length:")[2] or -1)
        if len(body) == length:
            connection_id = unquote(top.split(b" ")[1].rpartition(b"/")[2].decode())
            request = Request(self._network.now, connection_id, body)
            self._network.requests.append(request)
            self._sent = b""
            seconds, self._answer = self._network.service(request)
            self._answered_at = self._network.now + seconds
        return len(taken)

    def recv(self, size: int) -> bytes:
        """Return what there is of an answer."""
        if self._answered_at > self._network.now:
            raise BlockingIOError
        data, self._answer = self._answer[:size], self._answer[size:]
        if not self._answer and data:
            self.carries = False
            self._answered_at = math.inf
        return data

    def close(self) -> None:
        """Be no socket of the network any more."""
        self._network.sockets.remove(self)

    def ready_at(self, events: int) -> float:
        """Return when it is ready for one of these events."""
        if self.opens_at > self._network.now:
            return self.opens_at
        return self._network.now if events & selectors.EVENT_WRITE else self._answered_at

    def drain(self) -> None:
        """Have room for another piece."""
        self._room = self._network.piece


class Selector(selectors.BaseSelector):
    """Waits in the network's time.

    Raises:
        AssertionError: it is asked again and again without being let wait, while nothing happens.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._keys: dict[FileDescriptorLike, selectors.SelectorKey] = {}
        self._sockets: dict[int, Socket] = {}
        self._empty = 0
        self._done = 0

    def register(
        self, fileobj: FileDescriptorLike, events: int, data: Any = None
    ) -> selectors.SelectorKey:
        """Watch a connection."""
        assert not isinstance(fileobj, int)
        number = fileobj.fileno()
        (self._sockets[number],) = (one for one in self._network.sockets if one.fileno() == number)
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, number, events, data)
        return key

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Watch it no more."""
        key = self._keys.pop(fileobj)
        del self._sockets[key.fd]
        return key

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Return what is watched."""
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Move the clock on to the first event, or to the end of the time."""
        assert timeout is not None
        network = self._network
        network.looks += 1
        waits = [(self._sockets[key.fd].ready_at(key.events), key) for key in self._keys.values()]
        first = min((at for at, _ in waits), default=math.inf)
        if first > network.now:
            rounded = math.ceil(timeout / network.resolution) * network.resolution
            wakes_at = min(first, network.now + rounded)
            done = len(network.requests)
            waits_or_works = wakes_at > network.now or done > self._done
            self._empty = 0 if waits_or_works else self._empty + 1
            self._done = done
            assert self._empty <= EMPTY, "the engine spins"
            network.before_waiting(network.now, wakes_at)
            network.now = wakes_at
        else:
            self._empty = 0
        ready = [(key, key.events) for at, key in waits if at <= network.now]
        for key, _ in ready:
            self._sockets[key.fd].drain()
        return ready
