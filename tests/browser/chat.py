"""The page as its users see it: what can be done there and what can be read there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


class Chat:
    """One open page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.name = page.get_by_label("Your name")
        self.connect = page.get_by_role("button", name="Connect", exact=True)
        self.disconnect = page.get_by_role("button", name="Disconnect")
        self.status = page.locator("#status")
        self.alert = page.get_by_role("alert")
        self.log = page.get_by_role("log")
        self.messages = page.locator(".message")
        self.refused = page.locator(".message.refused")
        self.reasons = page.locator(".reason")
        self.notes = page.locator(".note")
        self.box = page.get_by_label("Message", exact=True)
        self.send = page.get_by_role("button", name="Send")
        self.hint = page.locator("#hint")
        self.retry = page.get_by_role("button", name="Try now")
        self.newer = page.locator("#newer")

    def join(self, name: str) -> None:
        """Enter a name, connect, and wait until that is done."""
        self.name.fill(name)
        self.connect.click()
        expect(self.status).to_have_text("Connected")

    def say(self, text: str) -> None:
        """Write a message and send it with the Enter key."""
        self.box.fill(text)
        self.box.press("Enter")

    def message(self, text: str) -> Locator:
        """The messages that show exactly this text."""
        return self.messages.get_by_text(text, exact=True)

    def group(self, name: str) -> Locator:
        """The runs of messages that stand under this name."""
        named = self.page.locator(".name").get_by_text(name, exact=True)
        return self.page.get_by_role("article").filter(has=named)
