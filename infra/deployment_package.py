"""The zip that the functions run: what Chalice packs, with pinned packages, and compiled."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalice.deploy.deployer import BaseDeployStep
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.errors import DeployError
from infra.wheels import MACHINES, PinnedPip

if TYPE_CHECKING:
    from chalice.config import Config
    from chalice.deploy.deployer import BuildStage
    from chalice.deploy.models import DeploymentPackage

TASK_ROOT: Final = "/var/task"
"""Folder to which Lambda unpacks the zip."""

OWN_RUNTIME: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""Lambda's name of the Python that runs this."""

_MODE: Final = 0o644 << 16
"""Files are read by all and executed by nobody, in a zip's words."""


class _Step(BaseDeployStep):
    def handle_deploymentpackage(self, config: Config, resource: DeploymentPackage) -> None:
        path = build(
            Path(config.project_dir), config.lambda_architecture, config.lambda_python_version
        )
        resource.filename = str(path)


def use(stage: BuildStage) -> None:
    """Have Chalice take this package in a build, in place of one of its own."""
    stage._steps.insert(0, _Step())


def build(project: Path, architecture: str, runtime: str) -> Path:
    """Build the zip of a project, and return where it is: the same sources make the same bytes.

    It is always built anew: Chalice would take one that is there already, which a plain `chalice`
    command may have filled with packages whose hashes nobody has checked.

    Args:
        project: the project's folder.
        architecture: the `lambda_architecture` in config.json.
        runtime: the functions' runtime, such as `python3.12`. The zip holds compiled files if it
            is the Python that runs this.

    Raises:
        DeployError: there is no such architecture, or a package can't be had for it.
    """
    if architecture not in MACHINES:
        raise DeployError(
            f"lambda_architecture is {architecture!r} in .chalice/config.json: it takes"
            f" {' or '.join(MACHINES)}."
        )
    pip = PinnedPip(architecture, runtime.removeprefix("python"))
    packager = LambdaDeploymentPackager(
        OSUtils(),
        DependencyBuilder(OSUtils(), pip, architecture),
        UI(io.StringIO()),
        architecture,
    )
    path = Path(packager.deployment_package_filename(str(project), runtime))
    path.unlink(missing_ok=True)
    packager.create_deployment_package(str(project), runtime)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _unpack(path, folder)
        if runtime == OWN_RUNTIME:
            _compile(folder)
        _pack(folder, path)
    return path


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a zip, without what the project's Python has compiled for itself."""
    with ZipFile(path) as archive:
        archive.extractall(
            folder, [name for name in archive.namelist() if "__pycache__" not in name]
        )


def _compile(folder: Path) -> None:
    """Compile a folder's modules, since Lambda can keep no compiled files: its disk is read-only.

    They are trusted unchecked (PEP 552), as nothing changes them there. One that can't be compiled
    is left to the function that imports it.
    """
    how = ["--invalidation-mode", "unchecked-hash", "-d", TASK_ROOT, "-qq"]
    command = [sys.executable, "-I", "-m", "compileall", *how, str(folder)]
    subprocess.run(command, check=False)  # noqa: S603 - no word of it comes from outside


def _pack(folder: Path, path: Path) -> None:
    """Zip a folder in the order of names, all of one age."""
    with ZipFile(path, "w") as archive:
        for file in sorted(each for each in folder.rglob("*") if each.is_file()):
            entry = ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = _MODE
            archive.writestr(entry, file.read_bytes(), ZIP_DEFLATED)
