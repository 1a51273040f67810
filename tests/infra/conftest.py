"""The project, packaged as CloudFormation takes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.application import copy_project
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, since packaging and deploying write into it."""
    project = tmp_path_factory.mktemp("infra") / "project"
    copy_project(PROJECT, project)
    return project


@pytest.fixture(scope="package")
def run(project: Path) -> Run:
    """Run a command of the virtual environment in the copy, with variables as keywords."""

    def run(command: str, *arguments: str, **env: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            cwd=project,
            env=os.environ | env,
            check=False,
            capture_output=True,
            text=True,
        )

    return run
