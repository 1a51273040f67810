"""The conformance app under `python -m apigw_local`, as any app is run."""

from __future__ import annotations

import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gateway_support.terminal import START_SECONDS, run_app
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = Path(__file__).with_name("app")


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """Run a copy of the app, and give the URL that it says to connect to.

    Args:
        folder: where the copy goes.
        options: of `python -m apigw_local`.
    """
    copy = shutil.copytree(APP, folder / "app", ignore=shutil.ignore_patterns("__pycache__"))
    terminal = run_app(copy, *options)

    def urls() -> list[str]:
        assert terminal.process.poll() is None, terminal.output
        return re.findall(r"WebSocket +(ws://\S+)", terminal.output)

    try:
        wait_until(lambda: bool(urls()), START_SECONDS)
        yield urls()[0]
    finally:
        terminal.end()
