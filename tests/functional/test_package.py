"""What `chalice package` ships."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import subprocess
import zipfile
from pathlib import Path

import chalice
import pytest

from infra.errors import DeployError
from infra.wheels import fetch, only
from tests.conftest import PROJECT
from tests.running import CHALICE, copy_project

REQUIREMENTS = PROJECT / "requirements.txt"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels that requirements.txt pins."""
    folder = tmp_path_factory.mktemp("wheels")
    fetch(REQUIREMENTS, folder)
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Path:
    """The folder that `chalice package` has made from a copy of the project and those wheels."""
    project = tmp_path_factory.mktemp("package") / "project"
    copy_project(PROJECT, project)
    subprocess.run(
        [CHALICE, "package", "out"],
        cwd=project,
        env=os.environ
        | only(wheels)
        | {"AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
    )
    return project / "out"


def own_files(project: Path) -> dict[str, bytes]:
    """What is to ship of a project, and of Chalice."""
    chalice_app = Path(inspect.getfile(chalice))
    return {
        "app.py": (project / "app.py").read_bytes(),
        "chalice/__init__.py": chalice_app.read_bytes(),
        "chalice/app.py": chalice_app.with_name("app.py").read_bytes(),
        **{
            str(path.relative_to(project)): path.read_bytes()
            for folder in ("chalicelib", "static")
            for path in (project / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        },
    }


def packaged_files(wheels: Path) -> set[tuple[str, str]]:
    """What the wheels hold: names, as they are when they are installed, and hashes."""
    return {
        (re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", name), digest(archive.read(name)))
        for wheel in wheels.glob("*.whl")
        for archive in [zipfile.ZipFile(wheel)]
        for name in archive.namelist()
    }


def digest(content: bytes) -> str:
    """A hash of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def test_the_zip_holds_the_application_and_nothing_else(package: Path, wheels: Path) -> None:
    """Byte for byte: app.py, chalicelib, static, Chalice's runtime, and what the hashes pin."""
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    own, packaged = own_files(package.parent), packaged_files(wheels)
    assert own == {name: content for name, content in files.items() if name in own}
    others = {(name, digest(files[name])) for name in files.keys() - own.keys()}
    assert others - packaged == set()
    shipped = {name.partition("-")[0] for name in files if name.endswith(".dist-info/METADATA")}
    assert shipped == {pin.replace("-", "_") for pin in pins()}


def pins() -> set[str]:
    """The packages that requirements.txt names."""
    return set(re.findall(r"^([a-z0-9-]+)==", REQUIREMENTS.read_text(), re.MULTILINE))


def test_a_package_with_another_hash_is_not_fetched(tmp_path: Path) -> None:
    """Whoever swaps a package at its registry does not get it into the zip."""
    pinned = re.search(
        r"^msgspec==\S+ (\\\n +--hash=sha256:\w+ ?)+", REQUIREMENTS.read_text(), re.M
    )
    assert pinned
    swapped = re.sub(r"sha256:\w{8}", "sha256:00000000", pinned[0])
    (tmp_path / "requirements.txt").write_text(swapped.rstrip(" \\"))
    with pytest.raises(DeployError, match=r"HASHES|hashes"):
        fetch(tmp_path / "requirements.txt", tmp_path)
    assert not list(tmp_path.glob("*.whl"))


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
