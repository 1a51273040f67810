"""Draw docs/chat.png, the README's picture: two people talk, one at a desk, one on a phone.

Start `chalice local`, then run `python -m tests.browser.picture`.
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import expect

from tests.browser import chromium
from tests.browser.chat import Chat

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ViewportSize

TARGET = Path(__file__).parents[2] / "docs" / "chat.png"
HEIGHT = 700
DESK: ViewportSize = {"width": 920, "height": HEIGHT}
PHONE: ViewportSize = {"width": 360, "height": HEIGHT}
GAP = 24
CANVAS = """
<style>
  body {{
    display: flex; gap: 24px; margin: 0; padding: 24px;
    background: linear-gradient(115deg, #f7e3b5, #dccff0 55%, #b9a5dd);
  }}
  img {{ border-radius: 14px; box-shadow: 0 10px 28px rgb(35 28 49 / 25%); }}
</style>
<img src="data:image/png;base64,{}"><img src="data:image/png;base64,{}">
"""
ROOM = "rehearsal"
OTHER_ROOM = "brass section"
TALK = (
    ("Ada Lovelace", "Good morning! The rehearsal room is ours from ten."),
    ("Grace Hopper", "Wonderful, I'll bring the second trumpet part."),
    ("Grace Hopper", "And coffee."),
    ("Ada Lovelace", "You are the best.\nWho has the scores?"),
    ("Grace Hopper", "I do. One copy for everyone, in the right order, none missing."),
    ("Ada Lovelace", "Just like this room."),
)


def main() -> None:
    """Read the page's address from the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000/", help="Fanfare's page")
    url: str = parser.parse_args().url
    executable = chromium.find()
    if executable is None:
        parser.error(f"no browser: none of {', '.join(chromium.NAMES)} is on PATH")
    with chromium.running(executable) as browser:
        ada = join(browser, url, "Ada Lovelace", DESK, "light")
        grace = join(browser, url, "Grace Hopper", PHONE, "dark")
        talk({"Ada Lovelace": ada, "Grace Hopper": grace})
        hear_from_elsewhere(browser, url, ada)
        grace.box.press_sequentially("See you")
        expect(ada.typing).to_have_text("Grace Hopper is writing…")
        draw(browser, ada, grace)


def join(
    browser: Browser, url: str, name: str, window: ViewportSize, scheme: Literal["light", "dark"]
) -> Chat:
    """Open the page and connect under a name."""
    page = browser.new_page(viewport=window, color_scheme=scheme, locale="en-GB")
    page.goto(f"{url}#room={ROOM}")
    chat = Chat(page)
    chat.join(name)
    return chat


def talk(chats: dict[str, Chat]) -> None:
    """Hold the conversation, each line when everyone has read the one before."""
    for said, (name, text) in enumerate(TALK, start=1):
        chats[name].say(text)
        for chat in chats.values():
            expect(chat.messages).to_have_count(said)


def hear_from_elsewhere(browser: Browser, url: str, listener: Chat) -> None:
    """Have somebody speak in another room of the listener's."""
    listener.enter(OTHER_ROOM)
    listener.go(ROOM)
    katherine = join(browser, url, "Katherine Johnson", DESK, "light")
    katherine.enter(OTHER_ROOM)
    katherine.say("Can we have the room after you?")
    expect(listener.unread(OTHER_ROOM)).to_have_text("1")
    expect(listener.members).to_have_text(["Ada Lovelace", "Grace Hopper", "Katherine Johnson"])


def draw(browser: Browser, *chats: Chat) -> None:
    """Save the windows side by side."""
    images = [base64.b64encode(chat.page.screenshot()).decode() for chat in chats]
    width = DESK["width"] + PHONE["width"] + 3 * GAP
    page = browser.new_page(viewport={"width": width, "height": HEIGHT + 2 * GAP})
    page.set_content(CANVAS.format(*images))
    page.screenshot(path=TARGET)


if __name__ == "__main__":
    main()
