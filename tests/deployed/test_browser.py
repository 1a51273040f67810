"""Two people with browsers, on the page that the deployed HTTP function serves."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.chat import Chat

if TYPE_CHECKING:
    from tests.deployed.deployment import Deployment


@pytest.mark.skipif(
    chromium.find() is None and not os.environ.get("CI"), reason="there is no browser"
)
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
