"""The project as a reader of its documents has it: a checkout, a shell, and nothing set."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sysconfig
import venv
from typing import TYPE_CHECKING, Final

from tests import strict
from tests.conftest import PROJECT
from tests.running import copy_project

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS: Final = ("README.md", "docs/deploy.md")


class Checkout:
    """A copy of the project in a folder, whose `.venv` is ready and meets a stricter AWS.

    Attributes:
        project: where the copy is.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.project = folder / "project"
        self._home = folder / "home"
        self._home.mkdir()
        copy_project(PROJECT, self.project)
        for name in ("Makefile", "requirements-run.txt"):
            shutil.copy(PROJECT / name, self.project)
        environment = self.project / ".venv"
        venv.create(environment, symlinks=True)
        [packages] = environment.glob("lib/*/site-packages")
        installed = sysconfig.get_path("purelib")
        (packages / "tests.pth").write_text(f"{installed}\n{strict.START}\n")
        (environment / ".ready-run").touch()

    def type(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Type a line into a shell that has a path, a home without a file in it, and variables."""
        return subprocess.run(
            line,
            shell=True,
            cwd=self.project,
            env={"PATH": os.environ["PATH"], "HOME": str(self._home), **variables},
            check=False,
            capture_output=True,
            text=True,
        )


def documented() -> dict[str, str]:
    """The lines for `make` in the blocks of README.md and docs/deploy.md, by their targets."""
    blocks = "".join(
        block
        for document in DOCUMENTS
        for block in re.findall(
            r"^```\n(.*?)^```$", (PROJECT / document).read_text(), re.MULTILINE | re.DOTALL
        )
    )
    return {line.split()[1]: line for line in re.findall("^make .+$", blocks, re.MULTILINE)}


def account(endpoint: str) -> dict[str, str]:
    """The variables that docs/deploy.md has people set for an emulated AWS, which is elsewhere."""
    [line] = re.findall("^export (.+)$", (PROJECT / "docs/deploy.md").read_text(), re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split()) | {"AWS_ENDPOINT_URL": endpoint}
