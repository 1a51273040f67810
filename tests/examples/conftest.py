"""Fixtures: the examples running, and the clients that visit them."""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.browser import chromium
from tests.examples import visits
from tests.examples.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from gateway_support.terminal import Terminal


@pytest.fixture(scope="package")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The echo app."""
    with running("echo", tmp_path_factory.mktemp("echo")) as terminal:
        yield terminal


@pytest.fixture(params=["websockets", "ws", "browser"], scope="package")
def client(request: pytest.FixtureRequest) -> visits.Client:
    """Each of the clients, by turns: Python's `websockets`, Node's `ws`, a page in a browser."""
    if request.param == "websockets":
        visit = visits.with_websockets
    elif request.param == "ws":
        visit = partial(visits.with_ws, _node())
    else:
        visit = partial(visits.with_browser, request.getfixturevalue("page"))
    return visits.Client(request.param, visit)


@pytest.fixture(scope="package")
def page() -> Iterator[Page]:
    """An empty page.

    Its scope is the package, since Playwright's synchronous API keeps an event loop running in
    this thread, under which other tests could not start theirs.
    """
    executable = chromium.find()
    if executable is None:
        _leave_out(f"none of {', '.join(chromium.NAMES)} is on PATH")
    with chromium.running(executable) as browser:
        yield browser.new_page()


def _node() -> str:
    node = shutil.which("node")
    if node is None:
        _leave_out("Node.js is not installed")
    if not visits.NODE_SCRIPT.with_name("node_modules").exists():
        _leave_out("the package ws is not installed: npm ci --prefix tests/node/ws does it")
    return node


def _leave_out(reason: str) -> NoReturn:
    """Skip a client that this machine lacks, but not in CI, which must have all of them."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason}, and CI runs every test.")
    pytest.skip(reason)
