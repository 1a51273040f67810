"""The functions' zip, unpacked as Lambda unpacks it: with its compiled files, and without."""

from __future__ import annotations

import platform
import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.harness import PROJECT
from infra.deployment_package import OWN_RUNTIME, build
from infra.wheels import MACHINES

if TYPE_CHECKING:
    from collections.abc import Iterator


class Unpacked(NamedTuple):
    """Folders with what the zip holds.

    Attributes:
        shipped: all of it.
        uncompiled: all but the compiled files.
    """

    shipped: Path
    uncompiled: Path


@contextmanager
def unpacked() -> Iterator[Unpacked]:
    """Build the zip for this machine and Python, and unpack it while the block runs."""
    [architecture] = (name for name, machine in MACHINES.items() if machine == platform.machine())
    path = build(PROJECT, architecture, OWN_RUNTIME)
    with tempfile.TemporaryDirectory() as name:
        folders = Unpacked(Path(name, "shipped"), Path(name, "uncompiled"))
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folders.shipped)
        path.unlink()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(folders.shipped, folders.uncompiled, ignore=ignored)
        yield folders
