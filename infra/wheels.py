"""The packages that ship, fetched by their hashes before Chalice packs them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping

PLATFORM: Final = "manylinux2014_x86_64"
"""What every Python runtime of Lambda can load."""

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Lambda's is the same, since Chalice chooses the runtime by the Python that it runs on."""


def fetch(requirements: Path, folder: Path) -> None:
    """Fetch what requirements.txt pins: the wheels for this machine, and those for Lambda.

    Chalice asks pip twice, and the second time, for packages whose wheel for this machine is not
    one for Lambda, by name and version alone: no hash is checked then. So it is to find both kinds
    here, where they have been checked, and nowhere else.

    Raises:
        DeployError: a package can't be fetched, or its hash is another one.
    """
    _download(requirements, folder)
    lambdas = ["--platform", PLATFORM, "--implementation", "cp", "--python-version", PYTHON]
    _download(requirements, folder, *lambdas)


def only(folder: Path) -> dict[str, str]:
    """Return an environment in which pip finds nothing but what is in a folder."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


@contextmanager
def pinned(project: Path, env: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Let Chalice, within the block, pack what the project has pinned and nothing else.

    Raises:
        DeployError: a package can't be fetched, or is not the one that was pinned.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fetch(project / "requirements.txt", folder)
        before = dict(env)
        env.update(only(folder))
        try:
            yield
        finally:
            env.clear()
            env.update(before)


def _download(requirements: Path, folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    which = ["--only-binary=:all:", "--requirement", str(requirements), "--dest", str(folder)]
    run = subprocess.run(  # noqa: S603 - no word of it comes from outside
        [*command, *which, *options], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise DeployError(f"What requirements.txt pins can't be fetched:\n{run.stderr.strip()}")
