"""The page's files are found by their names, and by nothing else."""

from __future__ import annotations

import gc
import sys

import pytest

from chalicelib.adapters import static_files


def test_names_that_do_not_exist_are_not_kept() -> None:
    """A million names that somebody makes up leave nothing in memory."""
    assert static_files.find("index.html")
    gc.collect()
    before = sys.getallocatedblocks()
    assert not any(static_files.find(f"made-up-{number}.js") for number in range(1_000_000))
    gc.collect()
    assert sys.getallocatedblocks() - before < 1000


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../app.py", "../static/app.js", "./app.js", "/etc/passwd", "app.js\0", "app"],
)
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    """A name is compared, and never taken for a path."""
    assert static_files.find(name) is None
