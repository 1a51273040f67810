"""The conformance suite of the gateway, against the emulator's own gateway."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from infra.stack import Stack
from tests.deployed.ministack import running
from tests.support.project import PROJECT

SUITE = PROJECT / "tests/conformance"


@pytest.mark.skipif(not SUITE.exists(), reason="this copy has no conformance suite")
def test_the_emulator_differs_from_aws_only_where_it_is_known_to(tmp_path: Path) -> None:
    """The suite's own app, deployed by Chalice, behaves as the suite says of this target."""
    project = tmp_path / "app"
    shutil.copytree(SUITE / "app", project)
    with running(tmp_path, enforcing=False) as endpoint:
        env = os.environ | {"AWS_ENDPOINT_URL": endpoint}
        connections = f"{endpoint}/_aws/execute-api/{{api_id}}/{{stage}}"
        _set_variable(project / ".chalice/config.json", "CONNECTIONS_ENDPOINT", connections)
        _make_resources(project / "resources.json", endpoint)
        printed = _run([str(Path(sys.executable).with_name("chalice")), "deploy"], project, env)
        [api_id] = re.findall(r"wss://(\w+)\.", printed)
        url = f"ws://{endpoint.removeprefix('http://')}/_aws/execute-api/{api_id}/api"
        suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(SUITE)]
        _run([*suite, "--url", url, "--target", "ministack"], PROJECT, env)


def _set_variable(path: Path, name: str, value: str) -> None:
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"][name] = value
    path.write_text(json.dumps(config))


def _make_resources(path: Path, endpoint: str) -> None:
    client = boto3.client("cloudformation", endpoint_url=endpoint)
    stack = Stack(client, "conformance", poll_seconds=0.2)
    stack.deploy(path.read_text(), {"Stage": "dev"}, print)


def _run(command: list[str], folder: Path, env: dict[str, str]) -> str:
    finished = subprocess.run(
        command, cwd=folder, env=env, check=False, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout
