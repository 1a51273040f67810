"""The browser client is a package of its own."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Final

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

CLIENT: Final = PROJECT / "static/client"
MODULES: Final = sorted(CLIENT.glob("*.js"))


def test_its_package_has_the_version_of_the_project() -> None:
    """package.json tells the version that pyproject.toml tells."""
    package = json.loads((CLIENT / "package.json").read_text())
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert package["version"] == project["version"]


def test_its_package_exports_files_that_exist() -> None:
    """Both the module and its types."""
    package = json.loads((CLIENT / "package.json").read_text())
    for path in (*package["exports"]["."].values(), package["types"]):
        assert (CLIENT / path).is_file()


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_it_imports_nothing_from_outside(module: Path) -> None:
    """Each import, of code or of types, is a file beside it."""
    for path in re.findall(r'(?:from|import) "([^"]+)"', module.read_text()):
        assert path.startswith("./")
        assert (module.parent / path).is_file()


def test_its_readme_lists_every_module() -> None:
    """The table of modules is the folder's listing."""
    table = (CLIENT / "README.md").read_text().partition("| module |")[2]
    assert sorted(re.findall(r"`([\w-]+\.js)`", table)) == [path.name for path in MODULES]
