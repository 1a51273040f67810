"""What `chalice package` ships."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PROJECT
from tests.running import CHALICE, copy_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `chalice package` has made from a copy of the project."""
    project = tmp_path_factory.mktemp("package") / "project"
    copy_project(PROJECT, project)
    subprocess.run(
        [CHALICE, "package", "out"],
        cwd=project,
        env=os.environ | {"AWS_DEFAULT_REGION": "us-east-1"},
        check=True,
        capture_output=True,
    )
    return project / "out"


def test_the_zip_holds_the_application_and_nothing_else(package: Path) -> None:
    """app.py, chalicelib, static and the dependencies ship; localdev and tests do not."""
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        names = archive.namelist()
    top = {name.split("/")[0] for name in names}
    assert {"app.py", "chalicelib", "static", "chalice", "msgspec"} <= top
    assert not top & {"localdev", "tests", "bench", "docs", "infra", "vendor", "boto3"}
    assert "static/index.html" in names
    assert "chalicelib/service/broadcast.py" in names


def test_the_template_has_the_four_functions_and_the_page(package: Path) -> None:
    """Connect, message, disconnect, broadcast and the HTTP side are Lambda functions."""
    resources = json.loads((package / "sam.json").read_text())["Resources"]
    functions = {
        resource["Properties"]["Handler"]: resource["Properties"]
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert set(functions) == {
        "app.app",
        "app.on_ws_connect",
        "app.on_ws_message",
        "app.on_ws_disconnect",
        "app.broadcast",
    }
    [mapping] = functions["app.broadcast"]["Events"].values()
    assert mapping["Properties"]["BatchSize"] == 10
    assert json.dumps(mapping["Properties"]["Queue"]).count("fanfare-dev.fifo") == 1
