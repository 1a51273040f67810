"""Dependencies: pinned, licensed, and audited as far as possible."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from typing import TYPE_CHECKING, Any

import pytest

from infra import audit, licences
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = (
    *("app.py", "chalicelib", "infra", "bench/load/lobby.py", "bench/load/reconnects.py"),
    *("packages/apigw-local/src", "packages/fanfare-client/src"),
)
PINNED = ("requirements.txt", "requirements-run.txt", "requirements-dev.txt")
PERMISSIVE = {
    "Apache License 2.0",
    "Apache-2.0 OR BSD-3-Clause",
    "BSD-3-Clause",
    "MIT",
    "MIT-0",
    "PSF-2.0",
}


def pins(name: str) -> dict[str, str]:
    """The packages of a file, each with its version."""
    text = (PROJECT / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==([^ ;]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", PINNED)
def test_every_package_is_pinned_by_its_hashes(name: str) -> None:
    """Each line names one version; each has hashes; nothing else is in the file."""
    entry = (
        r"[a-z0-9-]+(?:\[[a-z,]+\])?==\S+(?: ; [^\\]+)? (?:\\\n    --hash=sha256:[0-9a-f]{64} ?)+\n"
    )
    left = re.sub(entry, "", (PROJECT / name).read_text())
    assert [line for line in left.splitlines() if not line.lstrip().startswith("#")] == []


@pytest.mark.parametrize("name", PINNED)
def test_what_is_asked_for_is_what_is_pinned(name: str) -> None:
    """A change of a version without `make lock` fails here."""
    asked = (PROJECT / name.replace(".txt", ".in")).read_text()
    wanted = dict(re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", asked, re.MULTILINE))
    assert wanted
    assert wanted.items() <= pins(name).items()


def test_the_functions_run_what_the_tests_ran() -> None:
    """All files pin the same versions of what ships and runs, and those are installed here."""
    shipped, run = pins("requirements.txt"), pins("requirements-run.txt")
    assert shipped.items() <= run.items() <= pins("requirements-dev.txt").items()
    assert shipped == {package: version(package) for package in shipped}


def test_what_make_run_installs_is_all_that_running_and_deploying_import() -> None:
    """And what README has people run beside them, which `make run` alone has set up."""
    pinned = pins("requirements-run.txt").keys()
    installed = {
        name
        for name, packages in packages_distributions().items()
        if pinned & {re.sub("[_.]", "-", package).lower() for package in packages}
    }
    imported = {name for file in RUN for path in modules(file) for name in imports(path)}
    assert {"chalice", "ministack", "websockets"} <= imported
    ours = {path.stem for path in (*PROJECT.iterdir(), *PROJECT.glob("packages/*/src/*"))}
    assert imported - sys.stdlib_module_names - ours - installed == set()


def modules(name: str) -> list[Path]:
    """A file, or all of a folder."""
    path = PROJECT / name
    return [path] if path.is_file() else list(path.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """The packages that a module imports, but for its types."""
    return set(_imports(ast.parse(path.read_text())))


def _imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.Import(names):
            yield from (alias.name.partition(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from _imports(child)


def test_the_list_of_licences_is_that_of_the_packages() -> None:
    """`make licences` has been run, and every licence lets anybody use and pass on."""
    requirements = (PROJECT / "requirements.txt").read_text()
    assert licences.PAGE.read_text() == licences.page(requirements)
    assert {licences.licence(name) for name in licences.shipped(requirements)} <= PERMISSIVE


def test_the_supported_pythons_are_the_same_everywhere() -> None:
    """The package's own word, the set-up, the locks and the documents agree, as does this one."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    minors = [
        int(name.rpartition(".")[2])
        for name in project["classifiers"]
        if name.startswith("Programming Language :: Python :: 3.")
    ]
    first, last = minors[0], minors[-1]
    assert minors == list(range(first, last + 1))
    assert sys.version_info[1] in minors
    assert project["requires-python"] == f">=3.{first},<3.{last + 1}"
    makefile = (PROJECT / "Makefile").read_text()
    assert f"not (3, {first}) <= sys.version_info < (3, {last + 1})" in makefile
    assert f"--universal --python-version 3.{first} " in makefile
    *others, newest = [f"3.{minor}" for minor in minors]
    for name, word in (("README.md", "or"), ("CONTRIBUTING.md", "and"), ("Makefile", "or")):
        assert f"Python {', '.join(others)} {word} {newest}" in (PROJECT / name).read_text()


def found(name: str, *advisories: str) -> dict[str, Any]:
    """A package that the database knows."""
    vulns = [{"id": advisory, "fix_versions": ["2.0"]} for advisory in advisories]
    return {"name": name, "version": "1.0", "vulns": vulns}


def test_an_audit_names_what_is_weak_and_what_it_could_not_look_up() -> None:
    """A known weakness fails it; a package that nobody knows is told, and does not."""
    unknown = {"name": "ours", "skip_reason": "not found"}
    weak = audit.judge({"dependencies": [found("good"), found("bad", "CVE-1"), unknown]})
    assert weak.weak
    assert "2 packages looked up, 1 weaknesses known" in weak.text
    assert "bad 1.0: CVE-1, mended in 2.0" in weak.text
    assert "Not known to the database: ours" in weak.text
    assert not audit.judge({"dependencies": [found("good"), unknown]}).weak


def test_an_audit_without_its_database_says_so_and_fails_nobody() -> None:
    """It is not taken for a clean bill when nothing was looked up."""
    verdict = audit.judge({"dependencies": [{"name": "good", "skip_reason": "not found"}]})
    assert not verdict.weak
    assert "Nothing was looked up" in verdict.text
