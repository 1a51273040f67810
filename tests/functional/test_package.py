"""The zip that ships, and the template that `python -m infra package` writes beside it."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path

import chalice
import pytest

from infra.deployment_package import build
from infra.errors import DeployError
from infra.wheels import PinnedPip
from tests.support.application import copy_project
from tests.support.project import PROJECT

REQUIREMENTS = PROJECT / "requirements.txt"
OPERATIONS = (PROJECT / "docs/operations.md").read_text()
PYTHONS = ("python3.11", "python3.12", "python3.13")
OWN = f"python{sys.version_info.major}.{sys.version_info.minor}"
ELF_MACHINES = {"x86_64": 0x3E, "arm64": 0xB7}
NOT_SHIPPED = {"boto3", "botocore", "infra", "apigw_local"}
"""The runtime brings the first two; `chalice local` alone imports the third."""

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, since packaging writes into it."""
    project = tmp_path_factory.mktemp("package") / "project"
    copy_project(PROJECT, project)
    return project


@pytest.fixture(scope="module")
def package(project: Path) -> Path:
    """The folder that `python -m infra package` has written."""
    subprocess.run(
        [sys.executable, "-m", "infra", "package", "--out", "out"],
        cwd=project,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
        capture_output=True,
    )
    return project / "out"


@pytest.fixture(scope="module")
def files(package: Path) -> Files:
    """Names in the zip."""
    return contents(package / "deployment.zip")


@pytest.fixture(scope="module", params=PYTHONS)
def runtime(request: pytest.FixtureRequest) -> str:
    """Each of Lambda's runtimes that the project supports."""
    return str(request.param)


@pytest.fixture(scope="module", params=ELF_MACHINES)
def architecture(request: pytest.FixtureRequest) -> str:
    """Each of Lambda's architectures."""
    return str(request.param)


@pytest.fixture(scope="module")
def built(project: Path, files: Files, architecture: str, runtime: str) -> Files:
    """Names in a zip for a runtime and an architecture."""
    if (architecture, runtime) == ("x86_64", OWN):
        return files
    return contents(build(project, architecture, runtime))


def contents(path: Path) -> Files:
    """The files in a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def own_files(project: Path) -> Files:
    """Files to ship of a project, and of Chalice."""
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
    """Files of the wheels: names, as they are when they are installed, and hashes."""
    return {
        (re.sub(r"^[^/]+\.data/(purelib|platlib)/", "", name), digest(archive.read(name)))
        for wheel in wheels.glob("*.whl")
        for archive in [zipfile.ZipFile(wheel)]
        for name in archive.namelist()
    }


def digest(content: bytes) -> str:
    """A hash of a file's bytes."""
    return hashlib.sha256(content).hexdigest()


def pins() -> set[str]:
    """The packages that requirements.txt names."""
    return set(re.findall(r"^([a-z0-9-]+)==", REQUIREMENTS.read_text(), re.MULTILINE))


@cache
def imported() -> set[str]:
    """Modules that the functions import from the zip."""
    names = set()
    for path in [PROJECT / "app.py", *(PROJECT / "chalicelib").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    typing_only = {name for name in names if name.startswith("mypy_boto3")}
    return names - sys.stdlib_module_names - NOT_SHIPPED - typing_only


def test_the_zip_holds_the_application_and_nothing_else(
    project: Path, files: Files, tmp_path: Path
) -> None:
    """Byte for byte: app.py, chalicelib, static, Chalice's runtime, and what the hashes pin."""
    PinnedPip("x86_64", OWN.removeprefix("python")).download_all_dependencies(
        str(REQUIREMENTS), str(tmp_path)
    )
    own, packaged = own_files(project), packaged_files(tmp_path)
    assert own == {name: content for name, content in files.items() if name in own}
    others = {
        (name, digest(content))
        for name, content in files.items()
        if name not in own and "__pycache__" not in name
    }
    assert others - packaged == set()


def test_its_size_is_the_one_that_is_documented(package: Path, files: Files) -> None:
    """docs/operations.md tells the megabytes, of the zip and of what is in it, to 5 %."""
    told = re.search(r"The zip has ([\d.]+) MB, ([\d.]+) MB unpacked", OPERATIONS)
    assert told
    sizes = (package / "deployment.zip").stat().st_size, sum(map(len, files.values()))
    assert [float(size) for size in told.groups()] == pytest.approx(
        [size / 1e6 for size in sizes], rel=0.05
    )


def test_every_pinned_package_ships(built: Files) -> None:
    """On each architecture and for each Python, those that need a wheel of their own as well."""
    shipped = {name.partition("-")[0] for name in built if name.endswith(".dist-info/METADATA")}
    assert shipped == {pin.replace("-", "_") for pin in pins()}


def test_every_import_is_in_the_zip(built: Files) -> None:
    """All that app.py and chalicelib import is there, as a module or a package."""
    names = {re.split(r"[./]", name)[0] for name in built if name.endswith((".py", ".so"))}
    assert {"httptools", "msgspec", "jwt", "aws_lambda_powertools"} <= imported()
    assert imported() - names == set()


def test_extensions_are_of_the_runtime_s_architecture_and_python(
    built: Files, architecture: str, runtime: str
) -> None:
    """By their ELF headers, and by the tags in their names."""
    extensions = {name: content for name, content in built.items() if name.endswith(".so")}
    assert len(extensions) >= 5
    tag = f".cpython-{runtime.removeprefix('python').replace('.', '')}-"
    for name, content in extensions.items():
        assert content[:4] == b"\x7fELF"
        assert int.from_bytes(content[18:20], "little") == ELF_MACHINES[architecture], name
        assert tag in name or ".abi3." in name


def test_modules_are_compiled_for_the_runtime(files: Files) -> None:
    """Each module of a zip for this Python, to be used without looking at its source again."""
    for name in (each for each in files if each.endswith(".py")):
        compiled = files[importlib.util.cache_from_source(name)]
        assert compiled[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(compiled[4:8], "little") == 0b01, "hash-based, unchecked"
        assert compiled[8:16] == importlib.util.source_hash(files[name])


def test_no_module_is_compiled_for_another_python(built: Files, runtime: str) -> None:
    """Files compiled by another Python can't be loaded, so then the zip holds sources alone."""
    compiled = any(name.endswith(".pyc") for name in built)
    assert compiled == (runtime == OWN)


def test_the_same_sources_make_the_same_zip(package: Path, project: Path, tmp_path: Path) -> None:
    """Wherever the project lies, however old its files are, and whatever Python cached there."""
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(project, elsewhere, symlinks=True, copy_function=shutil.copyfile)
    cached = elsewhere / "chalicelib/__pycache__"
    cached.mkdir()
    (cached / "gone.cpython-311.pyc").write_bytes(b"of another time")
    again = build(elsewhere, "x86_64", OWN)
    assert digest(again.read_bytes()) == digest((package / "deployment.zip").read_bytes())


def test_a_zip_that_is_there_already_is_not_taken(package: Path, project: Path) -> None:
    """A plain `chalice` command may have made it, of packages whose hashes nobody checked."""
    [cached] = (project / ".chalice/deployments").glob(f"*-{OWN}.zip")
    cached.write_bytes(b"something else")
    assert build(project, "x86_64", OWN) == cached
    assert digest(cached.read_bytes()) == digest((package / "deployment.zip").read_bytes())


def test_the_application_starts_from_the_unpacked_zip(package: Path, tmp_path: Path) -> None:
    """With the compiled files, as they are even where the sources have become newer."""
    with zipfile.ZipFile(package / "deployment.zip") as archive:
        archive.extractall(tmp_path)
    script = "import sys; import app, httptools; print(app.__file__, httptools.__file__)"
    finished = subprocess.run(
        [sys.executable, "-v", "-B", "-c", script],
        cwd=tmp_path,
        env=os.environ | {"AWS_REGION": "us-east-1", **environment(package)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout.split() == [
        str(tmp_path / "app.py"),
        str(tmp_path / "httptools/__init__.py"),
    ]
    mentions = [line for line in finished.stderr.splitlines() if str(tmp_path) in line]
    assert any("matches" in line and "chalicelib" in line for line in mentions)
    assert not [line for line in mentions if "bytecode is stale" in line or "wrote" in line]


def environment(package: Path) -> dict[str, str]:
    """The variables that the template gives a function, as far as they are plain text."""
    resources = json.loads((package / "sam.json").read_text())["Resources"]
    variables = resources["Broadcast"]["Properties"]["Environment"]["Variables"]
    return {key: value for key, value in variables.items() if isinstance(value, str)}


def test_a_package_with_another_hash_is_not_fetched(tmp_path: Path) -> None:
    """A package swapped at its registry does not get into the zip."""
    swapped = re.sub(r"sha256:\w{8}", "sha256:00000000", pinned("msgspec"))
    with pytest.raises(DeployError, match=r"HASHES|hashes"):
        fetch(swapped, tmp_path, "x86_64")
    assert not list(tmp_path.glob("*.whl"))


def test_a_pin_without_a_hash_is_not_fetched(tmp_path: Path) -> None:
    """The version alone does not say what is in it."""
    with pytest.raises(DeployError, match=r"--require-hashes|hashes"):
        fetch("msgspec==0.22.0", tmp_path, "x86_64")
    assert not list(tmp_path.glob("*.whl"))


def test_a_package_without_a_wheel_for_the_architecture_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not left out: the function could not start without it."""
    fetch(pinned("msgspec"), tmp_path, "x86_64")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(DeployError, match=r"for Python 3.12 on arm64:\n(.|\n)*msgspec=="):
        fetch(pinned("msgspec"), tmp_path, "arm64")


def pinned(package: str) -> str:
    """The lines of requirements.txt that pin a package."""
    found = re.search(
        rf"^{package}==\S+ (\\\n +--hash=sha256:\w+ ?)+", REQUIREMENTS.read_text(), re.M
    )
    assert found
    return found[0].rstrip(" \\")


def fetch(requirements: str, folder: Path, architecture: str) -> None:
    """Fetch what some lines pin, for Python 3.12."""
    path = folder / "requirements.txt"
    path.write_text(requirements)
    PinnedPip(architecture, "3.12").download_all_dependencies(str(path), str(folder))


def test_a_wheel_that_chalice_does_not_take_is_refused(tmp_path: Path) -> None:
    """Chalice asks for it a second time, and would then go on without it."""
    pip = PinnedPip("arm64", "3.13")
    with pytest.raises(DeployError, match=r"cffi==2\.1\.1 for Python 3.13 on arm64"):
        pip.download_manylinux_wheels("cp313", ["cffi==2.1.1"], str(tmp_path))


def test_an_architecture_that_lambda_does_not_have_is_refused(project: Path) -> None:
    """With those that it has."""
    with pytest.raises(DeployError, match=r"'arm' in .*: it takes x86_64 or arm64"):
        build(project, "arm", OWN)


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
