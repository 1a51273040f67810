"""The architecture's rules about who may import whom."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AWS = ("boto3", "botocore", "aws_lambda_powertools")
MODULES = sorted((PROJECT / "chalicelib").rglob("*.py"))
INFRA = sorted((PROJECT / "infra").rglob("*.py"))
CORE, SERVICE, ADAPTERS = (
    sorted((PROJECT / "chalicelib" / layer).rglob("*.py"))
    for layer in ("core", "service", "adapters")
)


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


@pytest.mark.parametrize("path", CORE)
def test_the_core_knows_no_aws_no_clock_and_no_environment(path: Path) -> None:
    """Decisions and wire types import nothing but each other and the standard library's tools."""
    for imported in imports(path):
        assert not within(imported, (*AWS, "chalice", "os", "time", "random")), imported
        if within(imported, ("chalicelib",)):
            assert within(imported, ("chalicelib.core",)), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", SERVICE)
def test_use_cases_know_the_core_only(path: Path) -> None:
    """A use case imports neither an AWS library nor an adapter nor what builds it."""
    for imported in imports(path):
        assert not within(imported, AWS), f"{path.name} imports {imported}"
        if within(imported, ("chalicelib",)):
            inner = ("chalicelib.core", "chalicelib.service")
            assert within(imported, inner), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", ADAPTERS)
def test_adapters_know_the_core_only(path: Path) -> None:
    """An adapter imports neither a use case nor what builds it."""
    for imported in imports(path):
        if within(imported, ("chalicelib",)):
            inner = ("chalicelib.core", "chalicelib.adapters")
            assert within(imported, inner), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", MODULES)
def test_nothing_below_the_edge_knows_chalice_or_the_environment(path: Path) -> None:
    """Only app.py imports Chalice, and only settings.py reads the environment."""
    environment = () if path.name == "settings.py" else ("os",)
    forbidden = ("chalice", "apigw_local", "infra", "bench", "tests", "app", *environment)
    for imported in imports(path):
        assert not within(imported, forbidden), f"{path.name} imports {imported}"


@pytest.mark.parametrize("path", INFRA)
def test_deploying_does_not_know_the_local_gateway(path: Path) -> None:
    """A deployment needs neither the local gateway nor tests nor benchmarks."""
    for imported in imports(path):
        assert not within(imported, ("apigw_local", "bench", "tests")), imported
