"""Commands `chalice local` and `python -m apigw_local`, run on copies of small apps."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.error import URLError
from urllib.request import urlopen

import apigw_local
from tests.support.application import CHALICE, assert_no_defect, free_port_pair
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

START_SECONDS = 30.0

APPS = Path(__file__).parents[1] / "apps"
# On PYTHONPATH, it refuses and reports every connection to another machine and every lookup.
OFFLINE = APPS / "offline"

PACKAGE = Path(apigw_local.__file__).parents[1]


def copy_app(folder: Path, name: str = "plain") -> Path:
    """Copy an app of `apps/` and return its place."""
    return shutil.copytree(
        APPS / name,
        folder / name,
        ignore=shutil.ignore_patterns("__pycache__"),
    )


class Terminal:
    """Command that serves an app, in a process group of its own as in a terminal."""

    def __init__(
        self,
        project: Path,
        *options: str,
        command: Sequence[str] = (CHALICE, "local"),
        folder: Path | None = None,
        **environment: str,
    ) -> None:
        """Run the command.

        Args:
            project: the app's folder.
            options: of the command; a free pair of ports is added unless they name one.
            command: the command without options.
            folder: its working directory; the project if None.
            environment: set on top of a person's who has no AWS account.
        """
        if "--port" not in options:
            options = (*options, "--port", str(free_port_pair()))
        self.port = int(options[options.index("--port") + 1])
        self.project = project
        self._log = project.with_name(f"{project.name}.log")
        inherited = {key: value for key, value in os.environ.items() if "AWS" not in key}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=folder or project,
                env={**inherited, "PYTHONUNBUFFERED": "1", **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def output(self) -> str:
        """Text printed so far."""
        return self._log.read_text()

    def page(self) -> dict[str, Any]:
        """Load the page, waiting until it is served."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with (
                suppress(URLError, ConnectionError, TimeoutError),
                urlopen(f"http://127.0.0.1:{self.port}/", timeout=START_SECONDS) as response,
            ):
                page: dict[str, Any] = json.load(response)
                return page
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def family(self) -> set[int]:
        """Return the processes that it consists of: itself and all its descendants."""
        listing = subprocess.run(
            ["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True
        )
        numbers = list(map(int, listing.stdout.split()))
        parents = dict(zip(numbers[::2], numbers[1::2], strict=True))
        family = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family

    def starts(self) -> int:
        """Return how often it has started to serve."""
        return self.output.count("Serving on")

    def end(self) -> None:
        """End it as Ctrl-C does."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=20)
        assert_no_defect(self.output)


def run_app(project: Path, *options: str, **environment: str) -> Terminal:
    """Run an app with `python -m apigw_local` from its parent folder, kept offline."""
    return Terminal(
        project,
        *("--project", project.name, *options),
        command=(sys.executable, "-m", "apigw_local"),
        folder=project.parent,
        PYTHONPATH=f"{OFFLINE}{os.pathsep}{PACKAGE}",
        **environment,
    )


def wait_until_gone(family: set[int]) -> None:
    """Wait until none of some processes lives."""
    wait_until(lambda: not any(map(_lives, family)))


def _lives(pid: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return state != "" and not state.startswith("Z")
