"""The project, deployed as a user deploys it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import boto3

from tests.running import copy_project

if TYPE_CHECKING:
    from pathlib import Path


class Deployment:
    """Stage dev of a copy of the project, on an emulated AWS.

    Attributes:
        endpoint: the emulated AWS.
        page: the page's URL, as `deploy` has printed it.
        websocket: the WebSocket API's.
    """

    def __init__(self, source: Path, project: Path, endpoint: str) -> None:
        copy_project(source, project)
        self.endpoint = endpoint
        self._project = project
        self.page, self.websocket = self.run("deploy").splitlines()[-2:]

    def run(self, *arguments: str) -> str:
        """Run a command of `python -m infra`, and return what it prints."""
        finished = infra(self._project, self.endpoint, *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def client(self, service: str) -> Any:
        """Make a client of the emulated AWS."""
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def deployed(self, name: str) -> Any:
        """What Chalice remembers of one of its resources."""
        remembered = json.loads((self._project / ".chalice/deployed/dev.json").read_text())
        return next(each for each in remembered["resources"] if each["name"] == name)


def infra(project: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `python -m infra` in a copy of the project."""
    return subprocess.run(
        [sys.executable, "-m", "infra", *arguments],
        cwd=project,
        env=os.environ | {"AWS_ENDPOINT_URL": endpoint},
        check=False,
        capture_output=True,
        text=True,
    )
