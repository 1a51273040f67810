"""The architecture's rules about who may import whom."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PURE = (
    "record",
    "errors",
    "meter",
    "ignorable",
    "text",
    "identity",
    "origins",
    "access",
    "model",
    "shards",
    "recent",
    "limits",
    "protocol/__init__",
    "protocol/limits",
    "protocol/acts",
    "protocol/requests",
    "protocol/frames",
    "events",
    "rooms",
    "bulletin",
    "jobs",
    "fanout",
)
PURE_PACKAGES = tuple(f"chalicelib.{name.split('/')[0]}" for name in PURE)
AWS = ("boto3", "botocore", "aws_lambda_powertools")
MODULES = sorted((PROJECT / "chalicelib").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports when it runs, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a module is one of the packages, or lies in one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("name", PURE)
def test_the_core_knows_no_aws_no_clock_and_no_environment(name: str) -> None:
    """Decisions and wire types import nothing but each other and the standard library's tools."""
    path = PROJECT / "chalicelib" / f"{name}.py"
    for imported in imports(path):
        assert not within(imported, (*AWS, "chalice", "os", "time", "random")), imported
        if within(imported, ("chalicelib",)) and imported != "chalicelib":
            assert within(imported, PURE_PACKAGES), f"{name} imports {imported}"


@pytest.mark.parametrize("path", sorted((PROJECT / "chalicelib/service").glob("*.py")))
def test_use_cases_know_ports_only(path: Path) -> None:
    """A use case imports neither an AWS library nor the wiring nor an adapter of the poster."""
    forbidden = (
        *AWS,
        "chalicelib.wiring",
        "chalicelib.settings",
        "chalicelib.posting.boto3_poster",
        "chalicelib.posting.socket_poster",
    )
    for imported in imports(path):
        assert not within(imported, forbidden), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", MODULES)
def test_nothing_below_the_edge_knows_chalice_or_the_environment(path: Path) -> None:
    """Only app.py imports Chalice, and only settings.py reads the environment."""
    environment = () if path.name == "settings.py" else ("os",)
    forbidden = ("chalice", "localdev", "infra", "bench", "tests", "app", *environment)
    for imported in imports(path):
        assert not within(imported, forbidden), f"{path.name} imports {imported}"
