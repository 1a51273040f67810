"""Runs the application as a user does, with `chalice local`, on a copy of the project.

A copy, since `chalice local` reloads when any file in its project changes, and a test run writes
caches.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

PROJECT_FILES: Final = (
    ".chalice",
    "app.py",
    "chalicelib",
    "infra",
    "packages",
    "requirements.txt",
    "static",
    "vendor",
)
CHALICE: Final = str(Path(sys.executable).with_name("chalice"))
START_SECONDS: Final = 30
UNASSIGNED_PORTS: Final = (15_000, 32_000)


class Fanfare:
    """One `chalice local`, with its HTTP and WebSocket ports.

    Attributes:
        settings: environment variables that are set for it.
        project: the copy that it runs from; change a file in it to make it reload.
        log: the file that holds what it has printed.
    """

    def __init__(self, source: Path, folder: Path, **settings: str) -> None:
        self.settings = settings
        self.project = folder / "project"
        self.log = folder / "log.txt"
        self.port = free_port_pair()
        self._process: subprocess.Popen[bytes] | None = None
        copy_project(source, self.project)

    @property
    def page_url(self) -> str:
        """The page, such as `http://127.0.0.1:8000/`."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def websocket_url(self) -> str:
        """The WebSocket API, such as `ws://127.0.0.1:8001/api`."""
        return f"ws://127.0.0.1:{self.port + 1}/api"

    @property
    def aws_endpoint(self) -> str:
        """The embedded AWS, as the last start has printed it."""
        endpoints: list[str] = re.findall(r"AWS +(http://\S+)", self.log.read_text())
        return endpoints[-1]

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The `chalice local` command itself, leader of a process group of its own."""
        assert self._process is not None, "start() comes first"
        return self._process

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [CHALICE, "local", "--port", str(self.port)],
                cwd=self.project,
                env=_user_environment() | self.settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.wait_until_healthy()

    def wait_until_healthy(self) -> None:
        """Wait until both ports answer.

        Raises:
            AssertionError: it ended, or does not answer; the message holds its output.
        """
        deadline = time.monotonic() + START_SECONDS
        while not (answers(f"{self.page_url}health") and _accepts(self.port + 1)):
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                state = "ended" if ended else f"did not answer within {START_SECONDS} s"
                raise AssertionError(f"chalice local {state}:\n{self.log.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as Ctrl-C does, and wait for that."""
        if self._process is None:
            return
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.wait(timeout=20)
        self._process = None
        assert_no_defect(self.log.read_text())


def assert_no_defect(output: str) -> None:
    """Assert that the gateway's own code has raised nothing, by what its terminal shows."""
    assert not re.search(r"^[\d:.]+  defect ", output, re.MULTILINE), output


def copy_project(source: Path, target: Path) -> None:
    """Copy what `chalice` commands need of the project, without caches."""
    target.mkdir()
    for name in PROJECT_FILES:
        path = source / name
        if path.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, target / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(path, target / name)


def _user_environment() -> dict[str, str]:
    """The environment of somebody without any AWS account or setting."""
    ours = ("AWS_", "FANFARE_", "WEBSOCKET_")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(ours)},
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "default",
    }


def free_port_pair() -> int:
    """Return a port that is free, and so is the one above it.

    It lies below those that the system gives to connections, which would take it in the meantime.
    """
    while True:
        port = random.randrange(*UNASSIGNED_PORTS, 2)
        with socket.socket() as lower, socket.socket() as upper:
            try:
                lower.bind(("127.0.0.1", port))
                upper.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


def answers(url: str) -> bool:
    """Whether an HTTP URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
