"""Two people with browsers, on the page that the deployed HTTP function serves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.chat import Chat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.deployed.deployment import Deployment


PATIENCE_MS = 60_000  # a page of twenty files starts nearly as many functions, all cold


@pytest.fixture
def patience() -> Iterator[None]:
    """Let expectations wait for cold starts, instead of Playwright's 5 s."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=None)


@pytest.mark.skipif(
    chromium.find() is None and not os.environ.get("CI"), reason="there is no browser"
)
@pytest.mark.usefixtures("patience")
def test_two_browsers_chat(deployment: Deployment) -> None:
    """Page, address and conversation all come from deployed functions."""
    executable = chromium.find()
    assert executable is not None
    with chromium.running(executable) as browser:
        ada, grace = (Chat(browser.new_context().new_page()) for _ in range(2))
        for chat, name in ((ada, "Ada"), (grace, "Grace")):
            chat.page.goto(f"{deployment.page}#room=parlour")
            chat.join(name)
        ada.say("Good morning")
        expect(grace.group("Ada").locator(".message")).to_have_text("Good morning")
        grace.say("Good evening")
        expect(ada.messages).to_have_text(["Good morning", "Good evening"])
