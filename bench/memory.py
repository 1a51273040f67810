"""How much memory posting takes: `python -m bench memory`.

Each client in a process of its own: the peak over what the process took before it posted anything.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.report import progress
from bench.servers import certificate, server
from bench.stage import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLIENTS: Final = ("fanfare", "boto3_threads")
POSTS: Final = 10_000
SERVICE_MS: Final = 15

SCRIPT: Final = """
import json, resource, sys
from pathlib import Path
from bench import posters
name, url, count, pem = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
getattr(posters, name)(url, int(count), Path(pem))
print(json.dumps(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))
"""

UNIT: Final = 1024 * 1024 if sys.platform == "darwin" else 1024
"""What of `ru_maxrss` is a megabyte."""


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
                yield Row(client, posts, round(json.loads(run.stdout) / UNIT, 1))
