"""Posts a second and a CPU-second of several clients: `python -m bench posting`.

Each client posts 200 bytes to many connections of a local server that has another core to itself.
A server that answers at once shows what a post costs; one that takes 15 ms, as the gateway may,
shows whether enough posts are under way at a time. TLS handshakes count.
"""

from __future__ import annotations

import importlib.util
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import alternatives
from bench.report import progress
from bench.servers import CLIENT_CORE, certificate, pin, server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SERVICE_MS: Final = (0, 15)


@dataclass(frozen=True)
class Client:
    """A client to measure.

    Attributes:
        post: sends so many posts to a URL, trusting a certificate, and returns how many it sent.
        counts: how many, for each of `SERVICE_MS`: enough for a second or more, of this one.
    """

    name: str
    post: Callable[[str, int, Path], int]
    counts: tuple[int, int]


@dataclass(frozen=True)
class Row:
    """Result of one client in one setting."""

    client: str
    tls: bool
    service_ms: int
    posts: int
    posts_per_second: int
    posts_per_cpu_second: int


def installed() -> list[Client]:
    """Return the clients that are installed here."""
    found = [
        Client("fanfare", alternatives.fanfare, (100_000, 10_000)),
        Client("boto3", alternatives.boto3_threads, (3_000, 10_000)),
    ]
    if importlib.util.find_spec("aiobotocore"):
        found.append(Client("aiobotocore", alternatives.aiobotocore, (3_000, 10_000)))
    if importlib.util.find_spec("awscrt"):
        found.append(Client("awscrt", alternatives.awscrt, (20_000, 10_000)))
    if shutil.which("wrk"):
        found.append(Client("wrk", alternatives.wrk, (0, 0)))
    return found


def measure(clients: Sequence[Client] | None = None) -> Iterator[Row]:
    """Measure every client, or those that are installed, against every server."""
    clients = installed() if clients is None else clients
    pin(0, CLIENT_CORE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = certificate(folder)
        for tls in (True, False):
            for setting, service_ms in enumerate(SERVICE_MS):
                with server(service_ms, pem if tls else None, folder) as url:
                    for client in clients:
                        where = f"{'TLS' if tls else 'plain'}, {service_ms} ms"
                        progress(f"posting: {where}, {client.name}")
                        began, used = time.perf_counter(), _cpu_seconds()
                        posts = client.post(url, client.counts[setting], pem)
                        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - used
                        yield Row(
                            client=client.name,
                            tls=tls,
                            service_ms=service_ms,
                            posts=posts,
                            posts_per_second=round(posts / seconds),
                            posts_per_cpu_second=round(posts / cpu),
                        )


def _cpu_seconds() -> float:
    """Return what this process and its ended children have used; a running server is not in it."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
