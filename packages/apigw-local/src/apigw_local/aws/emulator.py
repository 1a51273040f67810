"""Embedded AWS: one MiniStack for each run of the server, kept over its reloads."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http import HTTPStatus
from pathlib import Path

from apigw_local.errors import LocalError

_HOST = "127.0.0.1"
_START_SECONDS = 20.0
_POLL_SECONDS = 0.02
_LOG_LINES = 15
_NO_DOCKER = "unix:///nonexistent"
# Not the settings of another MiniStack that the developer runs.
_INHERITED = ("HOME", "PATH", "PYTHONPATH", "LD_LIBRARY_PATH")


class Emulator:
    """MiniStack process that lives as long as its owner, shared by the owner's workers.

    It holds its tables and queues in memory. A folder outside the project, private to the user,
    has its lock, its address and its log: a held lock shows a later worker that the process
    which wrote the address still lives.

    Attributes:
        folder: that folder, removed when the owner ends.
    """

    def __init__(self, project: Path, owner: int) -> None:
        """Name the emulator of one run.

        Args:
            project: the app's folder.
            owner: the process that it must not outlive.
        """
        run = hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:12]
        self._owner = owner
        self.folder = _private_folder() / f"{run}-{owner}"
        self._log = self.folder / "ministack.log"

    def endpoint(self) -> str:
        """Return the URL of the running emulator, started if there is none yet.

        Raises:
            LocalError: MiniStack is not installed, or does not come up.
        """
        if importlib.util.find_spec("ministack") is None:
            raise LocalError(
                "MiniStack, the AWS that `chalice local` runs on, is not installed:"
                " pip install -r requirements-run.txt\n"
                "Or set AWS_ENDPOINT_URL to an AWS emulator of your own."
            )
        self.folder.mkdir(mode=0o700, exist_ok=True)
        with (self.folder / "address").open("a+", encoding="utf-8") as address:
            try:
                fcntl.flock(address, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                address.seek(0)
                port: int = json.load(address)["port"]
                process = None
            else:
                port = _free_port()
                address.truncate(0)
                json.dump({"port": port}, address)
                address.flush()
                process = self._start(port, address.fileno())
        self._wait_until_healthy(port, process)
        return f"http://{_HOST}:{port}"

    def _start(self, port: int, lock: int) -> subprocess.Popen[bytes]:
        settings = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
            "BIND_HOST": _HOST,
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "TMPDIR": str(self.folder),
            "STATE_DIR": str(self.folder),
            "SFTP_ENABLED": "0",  # each of these two would listen on a port of its own
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": _NO_DOCKER,  # it would remove other MiniStacks' containers
        }
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    str(Path(__file__).with_name("ministack_process.py")),
                    str(self._owner),
                ],
                cwd=self.folder,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],  # the lock is held as long as the process lives
                start_new_session=True,  # Ctrl-C is for the workers, which still need it then
            )
        threading.Thread(target=process.wait, daemon=True).start()  # no zombie if it ends first
        return process

    def _wait_until_healthy(self, port: int, process: subprocess.Popen[bytes] | None) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_healthy(port):
            if process is not None and process.poll() is not None:
                raise LocalError(f"MiniStack ended with code {process.returncode}.{self._tail()}")
            if time.monotonic() > deadline:
                raise LocalError(
                    f"MiniStack did not answer on port {port} within {_START_SECONDS:.0f} s."
                    f"{self._tail()}"
                )
            time.sleep(_POLL_SECONDS)

    def _tail(self) -> str:
        if not self._log.exists():  # it ended with its owner
            return ""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join([f" The end of its log ({self._log}):", *lines])


def _private_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"chalice-local-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise LocalError(f"{folder} must belong to you alone (chmod 700); remove it and try again.")
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == HTTPStatus.OK
    return False
