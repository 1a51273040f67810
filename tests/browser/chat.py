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
        self.alert = page.locator("#alert")
        self.rooms = page.get_by_role("navigation", name="Rooms").get_by_role("link")
        self.room = page.locator("#room-name")
        self.leave = page.get_by_role("button", name="Leave")
        self.members = page.get_by_role("region", name="Members").get_by_role("listitem")
        self.present = page.locator("#present")
        self.typing = page.locator("#typing")
        view = page.locator(".view:not([hidden])")
        self.log = view.get_by_role("log")
        self.edge = view.locator(".edge")
        self.messages = view.locator(".message")
        self.sending = view.locator('.message[data-state="sending"]')
        self.refused = view.locator(".message.refused")
        self.reasons = view.locator(".reason")
        self.notes = view.locator(".note")
        self.newer = view.locator(".newer")
        self.box = page.get_by_label("Message", exact=True)
        self.send = page.get_by_role("button", name="Send")
        self.hint = page.locator("#hint")
        self.retry = page.get_by_role("button", name="Try now")
        self.countdown = page.locator("#countdown")

    def join(self, name: str) -> None:
        """Enter a name, connect, and wait until that is done."""
        self.name.fill(name)
        self.connect.click()
        expect(self.status).to_have_text("Live")

    def enter(self, room: str) -> None:
        """Join one more room, and wait until it is shown."""
        field = self.page.get_by_label("Room to join")
        field.fill(room)
        field.press("Enter")
        expect(self.room).to_have_text(room)
        expect(self.status).to_have_text("Live")

    def go(self, room: str) -> None:
        """Go to a room of the list."""
        self.link(room).click()
        expect(self.room).to_have_text(room)

    def say(self, text: str) -> None:
        """Write a message and send it with the Enter key."""
        self.box.fill(text)
        self.box.press("Enter")

    def say_all(self, texts: list[str]) -> None:
        """Write and send messages faster than anybody types."""
        self.box.evaluate(
            """(box, texts) => {
              for (const text of texts) {
                box.value = text;
                box.form.requestSubmit();
              }
            }""",
            texts,
        )

    def link(self, room: str) -> Locator:
        """The entry of a room in the list, whatever is unread there."""
        return self.rooms.filter(has=self.page.locator("bdi").get_by_text(room, exact=True))

    def unread(self, room: str) -> Locator:
        """The number of unread messages beside a room."""
        return self.link(room).get_by_role("img")

    def message(self, text: str) -> Locator:
        """The messages that show exactly this text."""
        return self.messages.get_by_text(text, exact=True)

    def group(self, name: str) -> Locator:
        """The runs of messages that stand under this name."""
        named = self.page.locator(".name").get_by_text(name, exact=True)
        return self.page.get_by_role("article").filter(has=named)
