"""The project, deployed as a user deploys it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

from tests import strict
from tests.conftest import PROJECT
from tests.running import copy_project

_KEPT = re.compile(
    r"HOME|PATH|LANG|PIP_.*|.*_proxy|SSL_CERT_FILE|REQUESTS_CA_BUNDLE", re.IGNORECASE
)


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
        """Run a command as the document writes it, and return what it prints."""
        finished = infra(self._project, self.endpoint, *arguments)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def interrupted(self, command: str, after: int) -> None:
        """Run a command that somebody interrupts after so many calls that change something."""
        finished = infra(self._project, self.endpoint, command, **{strict.INTERRUPT: str(after)})
        assert finished.returncode, finished.stdout

    def lose_record(self) -> None:
        """Put what docs/deploy.md says in the place of what Chalice remembers."""
        document = (PROJECT / "docs/deploy.md").read_text()
        [empty] = re.findall(r"put `({.*?})` there", document)
        (self._project / ".chalice/deployed/dev.json").write_text(empty)

    def client(self, service: str) -> Any:
        """Make a client of the emulated AWS."""
        return boto3.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def deployed(self, name: str) -> Any:
        """What Chalice remembers of one of its resources."""
        remembered = json.loads((self._project / ".chalice/deployed/dev.json").read_text())
        return next(each for each in remembered["resources"] if each["name"] == name)


def documented(endpoint: str) -> dict[str, str]:
    """The variables that docs/deploy.md tells people to set for an emulated AWS, and no others."""
    [line] = re.findall("^export (.+)$", (PROJECT / "docs/deploy.md").read_text(), re.MULTILINE)
    return dict(pair.split("=", 1) for pair in line.split()) | {"AWS_ENDPOINT_URL": endpoint}


def infra(
    project: Path, endpoint: str, command: str, *options: str, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a copy of the project: `make`, or `python -m infra` if it has options."""
    python = Path(sys.executable)
    make = ["make", "-f", str(PROJECT / "Makefile"), "-o", ".venv/.ready", f"BIN={python.parent}"]
    words = [str(python), "-m", "infra", command, *options] if options else [*make, command]
    return subprocess.run(
        words,
        cwd=project,
        env=_environment(project.parent / f"{project.name}-site") | documented(endpoint) | env,
        check=False,
        capture_output=True,
        text=True,
    )


def _environment(site: Path) -> dict[str, str]:
    """What everybody has set, and the stricter AWS."""
    kept = {key: value for key, value in os.environ.items() if _KEPT.fullmatch(key)}
    if not site.exists():
        strict.folder(site)
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nothing, "PYTHONPATH": str(site)}
