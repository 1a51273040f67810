"""Posts a second and memory of the local gateway: `python -m bench gateway`.

The gateway has a core to itself, checks every signature, and has idle handlers. What it sends
waits in the clients' sockets, and is counted afterwards. Of some rounds the best one counts, which
others on the same machine have disturbed least.
"""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bench.alternatives import CREDENTIALS, FRAME, PATIENCE, REGION
from bench.harness import PROJECT
from bench.report import progress
from bench.servers import SERVER_CORE, pin, run
from chalicelib.adapters.apigateway.socket_poster import SocketPoster
from chalicelib.core.model import ConnectionId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONNECTIONS: Final = (1_000, 5_000)
POSTS: Final = 20_000
ROUNDS: Final = 3
AT_ONCE: Final = 50
KILOBYTES_PER_MEGABYTE: Final = 1024

REQUEST: Final = (
    b"GET /prod HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
HEADER_BYTES: Final = 4
"""Bytes that a WebSocket frame adds to a text of 126 to 65,535 bytes."""


@dataclass(frozen=True)
class Row:
    """Cost of one number of open connections.

    Attributes:
        posts_per_cpu_second: of the gateway's CPU time.
        memory_mb: what the whole process takes with all of them open, after the posts.
    """

    connections: int
    posts: int
    posts_per_second: int
    posts_per_cpu_second: int
    memory_mb: int


def measure(connections: Sequence[int] = CONNECTIONS, posts: int = POSTS) -> Iterator[Row]:
    """Measure each number of connections, with a gateway of its own."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for count in connections:
        progress(f"gateway: {count} connections")
        with ExitStack() as stack:
            gateway = stack.enter_context(_gateway())
            lines = map(str.strip, gateway.stdout or ())
            endpoint = next(lines)
            clients, ids = [], []
            for client, connection_id in zip(_connect(endpoint, count), lines, strict=False):
                clients.append(stack.enter_context(client))
                ids.append(ConnectionId(connection_id))
            used = _cpu_seconds(gateway, lines)
            seconds = min(_round(endpoint, clients, ids, posts) for _ in range(ROUNDS))
            used = _cpu_seconds(gateway, lines) - used
            memory = int(run("ps", "-o", "rss=", "-p", str(gateway.pid)))
            yield Row(
                connections=count,
                posts=posts,
                posts_per_second=round(posts / seconds),
                posts_per_cpu_second=round(ROUNDS * posts / used),
                memory_mb=memory // KILOBYTES_PER_MEGABYTE,
            )


@contextmanager
def _gateway() -> Iterator[subprocess.Popen[str]]:
    """Run a gateway on its core."""
    gateway = subprocess.Popen(
        [sys.executable, "-u", "-m", "bench.gateway_process"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    pin(gateway.pid, SERVER_CORE)
    try:
        yield gateway
    finally:
        gateway.communicate()


def _connect(endpoint: str, count: int) -> Iterator[socket.socket]:
    """Open WebSockets, some at a time, so that none waits long for its answer."""
    address = urlsplit(endpoint)
    for first in range(0, count, AT_ONCE):
        opening = []
        for _ in range(first, min(first + AT_ONCE, count)):
            client = socket.create_connection((address.hostname or "", address.port or 0))
            client.sendall(REQUEST)
            opening.append(client)
        for client in opening:
            answer = b""
            while not answer.endswith(b"\r\n\r\n"):
                answer += client.recv(4096)
            if b" 101 " not in answer.partition(b"\r\n")[0]:
                raise RuntimeError(f"The gateway refused a client: {answer!r}")
            yield client


def _cpu_seconds(gateway: subprocess.Popen[str], lines: Iterator[str]) -> float:
    """Ask the gateway how long it has worked."""
    print(file=gateway.stdin, flush=True)
    return float(next(lines))


def _round(
    endpoint: str, clients: Sequence[socket.socket], ids: Sequence[ConnectionId], posts: int
) -> float:
    """Post, see that all arrives, and return how many seconds the posts took."""
    seconds = _post(endpoint, ids, posts)
    received = sum(map(_drain, clients)) // (HEADER_BYTES + len(FRAME))
    if received != posts:
        raise RuntimeError(f"Of {posts} posts, {received} arrived.")
    return seconds


def _post(endpoint: str, ids: Sequence[ConnectionId], count: int) -> float:
    """Post to the connections in turn, and return how long it took, in seconds."""
    poster = SocketPoster(endpoint, REGION, lambda: CREDENTIALS)
    began = time.perf_counter()
    left = ((ids[number % len(ids)], FRAME) for number in range(count))
    report = poster.post(left, time.monotonic() + PATIENCE)
    seconds = time.perf_counter() - began
    poster.shut()
    if report.failed or report.gone:
        raise RuntimeError(f"Posts failed: {report.complaints}")
    return seconds


def _drain(client: socket.socket) -> int:
    """Read what waits for a client, and return how many bytes that is."""
    client.settimeout(0)
    size = 0
    try:
        while data := client.recv(65_536):
            size += len(data)
    except BlockingIOError:
        return size
    raise RuntimeError("The gateway closed a connection.")
