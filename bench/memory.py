"""Memory that posting takes: `python -m bench memory`.

Each client in a process of its own: the peak over what the process took before it posted anything.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.harness import PROJECT
from bench.report import progress
from bench.servers import certificate, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLIENTS: Final = ("fanfare", "boto3_threads")
POSTS: Final = 10_000
SERVICE_MS: Final = 15
MEGABYTE: Final = 1024 * 1024

SCRIPT: Final = """
import resource, sys
from pathlib import Path
from bench import alternatives

def peak():
    # On Linux, ru_maxrss starts from the peak of the process that started this one.
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

name, url, count, pem = sys.argv[1:]
before = peak()
getattr(alternatives, name)(url, int(count), Path(pem))
print(peak() - before)
"""


@dataclass(frozen=True)
class Row:
    """The peak of one client over its baseline."""

    client: str
    posts: int
    memory_mb: float


def measure(clients: Sequence[str] = CLIENTS, posts: int = POSTS) -> Iterator[Row]:
    """Measure each client."""
    with tempfile.TemporaryDirectory() as name:
        pem = certificate(Path(name))
        with server(SERVICE_MS, pem, Path(name)) as url:
            for client in clients:
                progress(f"memory: {client}")
                run = subprocess.run(  # noqa: S603 - our own script
                    [sys.executable, "-c", SCRIPT, client, url, str(posts), str(pem)],
                    cwd=PROJECT,
                    stdout=subprocess.PIPE,
                    check=True,
                )
                yield Row(client, posts, round(int(run.stdout) / MEGABYTE, 1))
