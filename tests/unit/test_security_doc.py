"""docs/security.md names the tests that try its attacks; they must be there."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    line
    for line in (PROJECT / "docs/security.md").read_text().split("\n## Attacks")[1].splitlines()
    if line.startswith("| ") and not line.startswith("| attack |")
]
FOLDERS = [PROJECT / "tests", *(PROJECT / "packages").glob("*/tests")]
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def functions(path: Path) -> set[str]:
    """The names of a file's tests."""
    tree = ast.parse(path.read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_attack_is_tried_by_a_test_that_exists(row: str) -> None:
    """Each line of the table names tests, and each of them is found where it says."""
    attack, outcome, tests = row.strip("| ").split(" | ")
    assert attack
    assert outcome
    named = NAMED.findall(tests)
    assert [f"`{path}::{name}`" for path, name in named] == tests.split()
    for path, name in named:
        homes = [folder / path for folder in FOLDERS if (folder / path).exists()]
        assert homes, f"there is no {path}"
        assert name in functions(homes[0]), f"{path} has no {name}"
