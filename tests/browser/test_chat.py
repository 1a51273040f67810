"""Two people, the real server: what one writes and the other reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.chat import Chat
    from tests.running import Fanfare

    OpenPage = Callable[..., Chat]


def test_a_message_reaches_the_other_once(open_page: OpenPage) -> None:
    """A message shows once on either side, with name and time, one's own under You."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")

    ada.say("Good morning")
    expect(grace.group("Ada").locator(".message")).to_have_text("Good morning")
    expect(grace.group("Ada").locator("time")).to_have_text(re.compile(r"\d{1,2}:\d{2}"))
    # Grace's answer follows Ada's message in the room, so an echo of it would be here by then.
    grace.say("Good evening")
    expect(ada.message("Good evening")).to_be_visible()

    expect(ada.messages).to_have_text(["Good morning", "Good evening"])
    expect(ada.group("You").locator(".message")).to_have_text("Good morning")
    expect(grace.messages).to_have_text(["Good morning", "Good evening"])


def test_messages_of_one_sender_stand_together(open_page: OpenPage) -> None:
    """Two messages in a row share one name, and a third one after somebody else's does not."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")

    ada.say("one")
    ada.say("two")
    expect(grace.messages).to_have_count(2)
    expect(grace.group("Ada")).to_have_count(1)
    grace.say("three")
    expect(ada.messages).to_have_count(3)
    ada.say("four")

    expect(grace.group("Ada")).to_have_count(2)


def test_enter_sends_and_shift_enter_breaks_the_line(open_page: OpenPage) -> None:
    """Shift+Enter makes a second line, and Enter sends both as one message and empties the box."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")

    ada.box.press_sequentially("one")
    ada.box.press("Shift+Enter")
    ada.box.press_sequentially("two")
    expect(ada.box).to_have_value("one\ntwo")
    ada.box.press("Enter")

    expect(ada.box).to_have_value("")
    expect(grace.messages).to_have_count(1)
    assert grace.messages.all_inner_texts() == ["one\ntwo"]


def test_markup_is_shown_and_never_run(open_page: OpenPage) -> None:
    """Names and messages that hold HTML and scripts appear letter by letter and do nothing."""
    attack = "<img src=x onerror=document.title='owned'>"
    script = "<script>document.title='owned'</script>"
    mallory, grace = open_page(), open_page()
    mallory.join(attack[:40])
    grace.join("Grace")

    mallory.say(attack)
    mallory.say(script)

    for page in (mallory, grace):
        expect(page.messages).to_have_text([attack, script])
        expect(page.log.locator("img, script")).to_have_count(0)
        expect(page.page).to_have_title("Fanfare")
    expect(grace.group(attack[:40])).to_have_count(1)


def test_no_name_is_anonymous_and_a_name_is_remembered(open_page: OpenPage) -> None:
    """Whoever leaves the name empty is Anonymous, and a name is still there after a reload."""
    somebody, grace = open_page(), open_page()
    somebody.join("")
    grace.join("Grace")

    somebody.say("Who am I?")
    expect(grace.group("Anonymous")).to_have_count(1)
    grace.page.reload()

    expect(grace.name).to_have_value("Grace")


def test_disconnect_stays_disconnected(open_page: OpenPage) -> None:
    """After Disconnect the page offers to connect again and does not do so by itself."""
    ada = open_page()
    ada.join("Ada")

    ada.disconnect.click()

    expect(ada.status).to_have_text("Disconnected")
    expect(ada.retry).to_be_hidden()
    expect(ada.box).to_be_hidden()
    expect(ada.name).to_be_focused()
    ada.join("Ada")


def test_it_comes_back_after_the_server_does(open_page: OpenPage, fanfare: Fanfare) -> None:
    """A lost server shows as such, keeps the text being written, and chat works once it is back."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")

    fanfare.stop()
    try:
        expect(ada.status).to_have_text("Reconnecting…")
        expect(ada.page.locator("#countdown")).to_have_text(re.compile(r"Next try in \d+ s\."))
        ada.say("Is anybody there?")
        expect(ada.hint).to_contain_text("Not sent yet")
        expect(ada.messages).to_have_count(0)
    finally:
        fanfare.start()
    for page in (ada, grace):
        # What a browser says when it is back on a network; it ends the page's wait.
        page.page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.status).to_have_text("Connected", timeout=30_000)
        expect(page.notes).to_contain_text("Connected again")
    ada.send.click()

    expect(grace.group("Ada").locator(".message")).to_have_text("Is anybody there?")
