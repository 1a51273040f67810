"""The guide docs/extending.md, followed to the letter on a copy of the project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.application import copy_project
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

DOC = (PROJECT / "docs/extending.md").read_text()
RECIPE = DOC.split("## What an action may answer with")[0]
STEPS: list[tuple[str, str, str]] = [
    (path, kind, text)
    for path, _, kind, text in re.findall(
        r"^\*\*\d\.[^`]*`([\w./]+)`[^\n]*\n\n(`{3,})(diff|python)\n(.*?)^\2$",
        RECIPE,
        re.MULTILINE | re.DOTALL,
    )
]


def edited(text: str, hunk: str) -> str:
    """Apply a hunk, in which `…` stands for the rest of a line, to the text of a file.

    Raises:
        AssertionError: what the hunk begins from is not there, or more than once.
    """
    lines = hunk.splitlines()
    before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    pattern = re.escape(before).replace("…", r"([^\n]*)")
    found = list(re.finditer(rf"^{pattern}$", text, re.MULTILINE))
    assert len(found) == 1, f"{len(found)} places look like this:\n{before}"
    rests = iter(found[0].groups())
    after = "\n".join(line[1:] for line in lines if not line.startswith("-"))
    after = re.sub("…", lambda _: next(rests), after)
    return text[: found[0].start()] + after + text[found[0].end() :]


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which every step has been done."""
    project = tmp_path_factory.mktemp("extending") / "project"
    copy_project(PROJECT, project)
    shutil.copy(PROJECT / "pyproject.toml", project)
    for folder in ("docs", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(PROJECT / folder, project / folder, ignore=ignored)
    for path, kind, text in STEPS:
        file = project / path
        if kind == "python":
            file.write_text(text)
            continue
        for hunk in text.split("@@\n"):
            file.write_text(edited(file.read_text(), hunk))
    return project


def run(project: Path, *arguments: str) -> str:
    """Run a module of Python in the copy, and return what it says if it fails."""
    finished = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
    )
    return finished.stdout + finished.stderr if finished.returncode else ""


def test_the_steps_are_found() -> None:
    """Four files and a new test; and the action takes as many lines as the heading says."""
    assert [kind for _, kind, _ in STEPS] == ["diff"] * 4 + ["python"]
    code = "\n".join(text for path, kind, text in STEPS if path.endswith(".py") and kind == "diff")
    added = re.sub(r'^\+ *"""(.*?)"""$', "", code, flags=re.MULTILINE | re.DOTALL)
    counted = [
        line
        for line in added.splitlines()
        if re.match(r"\+ *[\w…]", line)
        and "import" not in line
        and not re.match(r"\+ +Roll,", line)
    ]
    assert len(counted) == 9, counted


def test_the_action_runs_through_the_handlers(extended: Path) -> None:
    """The suites that the guide names pass on the copy."""
    [command] = re.findall(r"^\.venv/bin/pytest (.*)$", RECIPE, re.MULTILINE)
    assert run(extended, "pytest", "-q", "-p", "no:cacheprovider", *command.split()) == ""


def test_the_action_has_its_types(extended: Path) -> None:
    """Mypy finds nothing in what ships and in the new test."""
    assert run(extended, "mypy", "app.py", "chalicelib", "tests/functional/test_roll.py") == ""


def test_the_code_of_the_document_is_clean(extended: Path) -> None:
    """Linter and formatter accept every changed file."""
    paths = [path for path, _, _ in STEPS if path.endswith(".py")]
    assert run(extended, "ruff", "check", "--no-cache", *paths) == ""
    assert run(extended, "ruff", "format", "--no-cache", "--check", *paths) == ""


def test_what_the_document_points_to_exists() -> None:
    """Every path of the guide exists, but for the test that it adds."""
    for path in re.findall(r"`((?:chalicelib|tests|infra|static|docs)/[\w./]*)`", DOC):
        if path == "tests/functional/test_roll.py":
            continue
        assert (PROJECT / path).exists(), path
