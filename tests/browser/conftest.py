"""Fixtures: a browser, and pages of Fanfare in it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.browser import chromium
from tests.browser.chat import Chat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, WebSocketRoute

    from tests.support.application import Fanfare


NO_BROWSER = f"no browser: none of {', '.join(chromium.NAMES)} is on PATH"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip these tests where there is no browser, but not in CI, which must have one."""
    if chromium.find() is None and not os.environ.get("CI"):
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(pytest.mark.skip(NO_BROWSER))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests here.

    Its scope is the package and not the session: Playwright's synchronous API keeps an event
    loop running in this thread, under which other tests could not start theirs.
    """
    executable = chromium.find()
    assert executable is not None, NO_BROWSER
    with chromium.running(executable) as running:
        yield running


@pytest.fixture
def room() -> str:
    """The name of a room that no other test uses."""
    return f"room {uuid4().hex[:8]}"


@pytest.fixture
def open_page(browser: Browser, fanfare: Fanfare, room: str) -> Iterator[Callable[..., Chat]]:
    """Open the page for one more person, with storage of their own, at the test's room.

    Call it with an optional query string, with a `server` that takes the WebSocket connections
    instead of the real one, and with options of Playwright's `new_context`. The test fails if a
    script raised an error or the Content Security Policy stopped something.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    def open_one(
        query: str = "",
        *,
        server: Callable[[WebSocketRoute], None] | None = None,
        **options: Any,
    ) -> Chat:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        if server is not None:
            page.route_web_socket(re.compile("^ws:"), server)
        page.goto(f"{fanfare.page_url}{query}#room={quote(room)}")
        return Chat(page)

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
