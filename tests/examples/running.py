"""An example, as it is, under `python -m apigw_local`."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway_support.terminal import START_SECONDS, Terminal, run_app, wait_until_gone
from tests.support.project import PROJECT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = PROJECT / "examples"


@contextmanager
def running(name: str, folder: Path, *options: str) -> Iterator[Terminal]:
    """Run a copy of an example until its end, and see that it leaves no process behind.

    A copy, since a test run writes caches, and what a project's folder gains makes it reload.

    Args:
        name: the example's.
        folder: where the copy goes.
        options: of `python -m apigw_local`.
    """
    ignored = shutil.ignore_patterns("__pycache__")
    terminal = run_app(shutil.copytree(EXAMPLES / name, folder / name, ignore=ignored), *options)

    def serves() -> bool:
        assert terminal.process.poll() is None, terminal.output
        return terminal.starts() > 0

    try:
        wait_until(serves, START_SECONDS)
        yield terminal
    finally:
        family = terminal.family()
        terminal.end()
    wait_until_gone(family)


def websocket_url(terminal: Terminal, query: str = "") -> str:
    """Return the WebSocket URL of a running example."""
    return f"ws://127.0.0.1:{terminal.port + 1}/api{query}"
