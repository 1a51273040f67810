"""Docstrings of what ships: each names its subject first."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.project import PROJECT

FILES = [
    "app.py",
    *sorted(f"{path.relative_to(PROJECT)}" for path in PROJECT.glob("chalicelib/**/*.py")),
]


@pytest.mark.parametrize("path", FILES)
def test_no_docstring_begins_with_a_relative_clause(path: str) -> None:
    """No module, class, function or constant begins with What, Who, Which and so on."""
    texts = [
        node.value.value
        for node in ast.walk(ast.parse((PROJECT / path).read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node.value.value, str)
    ]
    words = r"(What|Who|Which|Where|When|How)(ever)?\b"
    assert [text for text in texts if re.match(words, text)] == []
