"""The packages that ship, fetched by their hashes before Chalice packs them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PLATFORM: Final = "manylinux2014_x86_64"
"""What every Python runtime of Lambda can load."""

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Lambda's is the same, since Chalice chooses the runtime by the Python that it runs on."""


class FetchError(Exception):
    """A package can't be had, or is not the one that was pinned; the text is pip's."""


def fetch(requirements: Path, folder: Path) -> None:
    """Fetch what requirements.txt pins: the wheels for this machine, and those for Lambda.

    Chalice asks pip twice, and the second time, for packages whose wheel for this machine is not
    one for Lambda, by name and version alone: no hash is checked then. So it is to find both kinds
    here, where they have been checked, and nowhere else.

    Raises:
        FetchError: a package can't be fetched, or its hash is another one.
    """
    _download(requirements, folder)
    lambdas = ["--platform", PLATFORM, "--implementation", "cp", "--python-version", PYTHON]
    _download(requirements, folder, *lambdas)


def only(folder: Path) -> dict[str, str]:
    """Return an environment in which pip finds nothing but what is in a folder."""
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder)}


def _download(requirements: Path, folder: Path, *options: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"]
    which = ["--only-binary=:all:", "--requirement", str(requirements), "--dest", str(folder)]
    run = subprocess.run(  # noqa: S603 - no word of it comes from outside
        [*command, *which, *options], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise FetchError(run.stderr.strip())
