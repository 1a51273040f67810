"""Runs the browser client's own tests, so that there is one door to every test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def test_the_browser_client_passes_its_own_tests() -> None:
    """Every test in this folder passes under `node --test`."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("Node.js is not installed, and CI runs every test.")
        pytest.skip("Node.js is not installed: the browser client's own tests are left out.")
    files = sorted(str(path) for path in FOLDER.glob("*.test.js"))
    run = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"pass (\d+)", run.stdout)
    assert passed is not None
    assert int(passed[1]) >= len(files)
