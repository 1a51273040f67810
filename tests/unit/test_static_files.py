"""The files of static/ are found by their paths there, and by nothing else."""

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
    "path",
    [
        *("", ".", "..", "page", "page/", "client/..", "../app.py", "../static/page/app.js"),
        *("./page/app.js", "page//app.js", "page/../index.html", "/etc/passwd"),
        *("page/app.js\0", "page/app", "client/package.json", "client/README.md"),
    ],
)
def test_no_path_leads_out_of_the_folder(path: str) -> None:
    """A path is compared with those of the files that are served, and never followed."""
    assert static_files.find(path) is None
