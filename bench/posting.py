"""How fast frames are posted, and at what cost: `python -m bench.posting [--json]`.

Each client posts 200 bytes to many connections of a local server that has another core to itself.
A server that answers at once shows what a post costs; one that takes 15 ms, as the gateway may,
shows whether enough posts are under way at a time. TLS handshakes count.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import platform
import resource
import shutil
import ssl
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import posters
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
    """What one client reached in one setting."""

    client: str
    tls: bool
    service_ms: int
    posts: int
    posts_per_second: int
    posts_per_cpu_second: int


def clients() -> list[Client]:
    """Return the clients that are installed here."""
    found = [
        Client("fanfare", posters.fanfare, (100_000, 10_000)),
        Client("boto3", posters.boto3_threads, (3_000, 10_000)),
    ]
    if importlib.util.find_spec("aiobotocore"):
        found.append(Client("aiobotocore", posters.aiobotocore, (3_000, 10_000)))
    if shutil.which("wrk"):
        found.append(Client("wrk", posters.wrk, (0, 0)))
    return found


def measure(clients: Sequence[Client]) -> Iterator[Row]:
    """Measure every client against every server."""
    pin(0, CLIENT_CORE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pem = certificate(folder)
        for tls in (True, False):
            for setting, service_ms in enumerate(SERVICE_MS):
                with server(service_ms, pem if tls else None, folder) as url:
                    for client in clients:
                        where = f"{'TLS' if tls else 'plain'}, {service_ms} ms"
                        print(f"{where}: {client.name} …", file=sys.stderr, flush=True)
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


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Return what the figures were measured with."""
    packages = ("boto3", "httptools", "aiobotocore")
    installed = {name: importlib.metadata.version(name) for name in packages if _has(name)}
    return {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION} | installed


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table for people."""
    lines = [f"{'client':<12} {'TLS':<4} {'ms':>3} {'posts':>8} {'per s':>8} {'per CPU s':>10}"]
    lines += [
        f"{row.client:<12} {'yes' if row.tls else 'no':<4} {row.service_ms:>3} {row.posts:>8,}"
        f" {row.posts_per_second:>8,} {row.posts_per_cpu_second:>10,}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.posting", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    options = parser.parse_args(arguments)
    about = {"machine": machine(), "versions": versions()}
    rows = list(measure(clients()))
    if options.json:
        print(json.dumps(about | {"rows": [asdict(row) for row in rows]}, indent=2))
    else:
        print(table(rows))


def _cpu_seconds() -> float:
    """Return what this process and its ended children have used; a running server is not in it."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    main()
