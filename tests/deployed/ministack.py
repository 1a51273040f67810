"""An AWS of the tests' own, which runs functions from their zips and enforces their policies."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.support.application import answers, free_port_pair
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running(folder: Path, *, enforcing: bool) -> Iterator[str]:
    """Run MiniStack while the block runs, and give its URL.

    Args:
        folder: for its files and its log.
        enforcing: whether it refuses what IAM policies don't allow.
    """
    port = free_port_pair()
    env = {
        **{key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ},
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": str(enforcing).lower(),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder),
        "SFTP_ENABLED": "0",  # these two would listen on ports of their own
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": "unix:///nonexistent",  # it would remove other MiniStacks' containers
    }
    command = [sys.executable, "-m", "ministack"]
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{url}/_ministack/health"), seconds=30)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
