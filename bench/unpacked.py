"""What importing the application takes from the functions' zip: `python -m bench unpacked`.

In processes of their own, that keep no compiled files, as on Lambda's read-only disk: from the zip
as it ships, and without the compiled files in it. Milliseconds of processor time, the medians of
several turns.
"""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.report import progress
from bench.stage import PROJECT, TABLE
from infra.deployment_package import OWN_RUNTIME, build
from infra.wheels import MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS: Final = 15

SCRIPT: Final = """
import time
began = time.process_time()
import app
print((time.process_time() - began) * 1000)
"""


@dataclass(frozen=True)
class Row:
    """What the import took from one kind of zip; sizes in MB of a million bytes."""

    compiled: bool
    import_cpu_ms: float
    unpacked_mb: float


def measure(rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure the import with compiled files, and without, by turns."""
    progress("unpacked: the zip")
    [architecture] = (name for name, machine in MACHINES.items() if machine == platform.machine())
    with tempfile.TemporaryDirectory() as name:
        with_compiled, without = Path(name, "with"), Path(name, "without")
        with zipfile.ZipFile(build(PROJECT, architecture, OWN_RUNTIME)) as archive:
            archive.extractall(with_compiled)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(with_compiled, without, ignore=ignored)
        took: dict[Path, list[float]] = {with_compiled: [], without: []}
        for _ in range(rounds):
            for folder, times in took.items():
                times.append(_import(folder))
        for folder, times in took.items():
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            yield Row(
                folder == with_compiled,
                round(statistics.median(times), 1),
                round(size / 1e6, 1),
            )


def _import(folder: Path) -> float:
    """Return the processor time, in ms, in which a new process imports app.py of a folder."""
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-B", "-c", SCRIPT],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "AWS_REGION": "us-east-1",
            "FANFARE_TABLE": TABLE,
            "FANFARE_QUEUE": f"{TABLE}.fifo",
            "FANFARE_DEAD_LETTER_QUEUE": f"{TABLE}-dead.fifo",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(run.stdout)
