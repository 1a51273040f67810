"""Completeness of docs/local.md: every flag, quota and fault, and the test of every row."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apigw_local.cli import main
from apigw_local.faults import FaultSettings
from apigw_local.gateway import Quotas
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

DOC = (PROJECT / "docs/local.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOC.splitlines()
    if line.startswith("| ")
]
TESTS = {
    name
    for folder in (Path(__file__).parent, PROJECT / "tests/conformance")
    for path in folder.rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("kind", [Quotas, FaultSettings])
def test_every_option_is_there_with_its_default(kind: type[DataclassInstance]) -> None:
    """Both tables hold the options that can be given, no others, and their defaults."""
    title = {Quotas: "quota", FaultSettings: "fault"}[kind]
    table = DOC.split(f"| {title} | default |")[1].split("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.MULTILINE))
    switches = {"True": "on", "False": "off"}
    there = {f.name: switches.get(str(f.default), str(f.default)) for f in fields(kind)}
    assert told == there


def test_every_flag_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of flags is that of the command line."""
    with pytest.raises(SystemExit):
        main(["--help"], {})
    flags = set(re.findall(r"^  (--[\w-]+)", capsys.readouterr().out, re.MULTILINE))
    assert flags == set(re.findall(r"^\| `(--[\w-]+)", DOC, re.MULTILINE))


def test_every_row_names_a_test_that_exists() -> None:
    """Rows 1 to 40 are there, and all but the one that is not emulated have a test."""
    numbers = [int(row[0]) for row in ROWS if row[0].isdecimal()]
    assert numbers == list(range(1, 41))
    named = re.findall(r"`(test_\w+)`", DOC)
    assert set(named) - TESTS == set()
    assert [row[0] for row in ROWS if row[0].isdecimal() and not row[-1]] == ["7"]


def test_every_link_leads_somewhere() -> None:
    """Each mark's link is defined, and each that is defined is used."""
    used = set(re.findall(r"\]\[(\w+)\]", DOC))
    assert used == set(re.findall(r"^\[(\w+)\]: https://", DOC, re.MULTILINE))
