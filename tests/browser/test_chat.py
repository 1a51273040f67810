"""Two people, the real server: what one writes and the other reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.chat import Chat
    from tests.support.application import Fanfare

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


def test_a_message_gets_its_number(open_page: OpenPage) -> None:
    """One's own messages are ticked with their numbers, which others' messages do not show."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")

    ada.say("one")
    expect(grace.message("one")).to_be_visible()
    grace.say("two")
    expect(grace.message("two")).to_have_attribute("data-seq", "2")
    ada.say("three")

    expect(ada.message("one")).to_have_attribute("data-seq", "1")
    expect(ada.message("three")).to_have_attribute("data-seq", "3")
    expect(ada.message("three")).to_have_attribute("data-state", "sent")
    expect(ada.message("two")).not_to_have_attribute("data-state", re.compile(""))


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


def test_markup_is_shown_as_text(open_page: OpenPage) -> None:
    """Tags and scripts in a message, a name or a room are letters, and do nothing."""
    attack = "<img src=x onerror=document.title='owned'>"
    script = "<script>document.title='owned'</script>"
    mallory, grace = open_page(), open_page()
    mallory.join(attack[:40])
    grace.join("Grace")

    mallory.say(attack)
    mallory.say(script)

    for page in (mallory, grace):
        expect(page.messages).to_have_text([attack, script])
    expect(grace.group(attack[:40])).to_have_count(1)
    for page in (mallory, grace):
        expect(page.members.get_by_text(attack[:40])).to_be_visible()
        page.enter(script)
        expect(page.page.locator("main, aside").locator("img[src=x], script")).to_have_count(0)
        expect(page.page).to_have_title(f"{script} · Fanfare")


def test_no_name_is_anonymous(open_page: OpenPage) -> None:
    """A user who leaves the name empty is Anonymous to the others."""
    somebody, grace = open_page(), open_page()
    somebody.join("")
    grace.join("Grace")

    somebody.say("Who am I?")

    expect(grace.group("Anonymous")).to_have_count(1)


def test_a_reload_changes_nothing(open_page: OpenPage, room: str) -> None:
    """After a reload the page is connected again, in its rooms, with what was said."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    grace.enter(f"{room} too")
    ada.say("one")
    grace.go(room)
    expect(grace.message("one")).to_be_visible()

    grace.page.reload()

    expect(grace.status).to_have_text("Live")
    expect(grace.room).to_have_text(room)
    expect(grace.rooms).to_have_text([room, f"{room} too"])
    expect(grace.messages).to_have_text("one")
    ada.say("two")
    expect(grace.messages).to_have_text(["one", "two"])


def test_disconnect_stays_disconnected(open_page: OpenPage) -> None:
    """After Disconnect the page offers to connect again and does not do so by itself."""
    ada = open_page()
    ada.join("Ada")

    ada.disconnect.click()

    expect(ada.status).to_have_text("Disconnected")
    expect(ada.retry).to_be_hidden()
    expect(ada.box).to_be_hidden()
    expect(ada.name).to_be_focused()
    ada.page.reload()
    expect(ada.name).to_have_value("Ada")
    expect(ada.status).to_have_text("Disconnected")
    ada.join("Ada")


def test_what_is_said_while_disconnected_is_there_after(open_page: OpenPage) -> None:
    """A user who connects again in the same window finds the missed messages, once and in order."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    ada.say("one")
    expect(grace.message("one")).to_be_visible()

    grace.disconnect.click()
    ada.say("two")
    expect(ada.message("two")).to_have_attribute("data-seq", "2")
    grace.join("Grace")

    expect(grace.messages).to_have_text(["one", "two"])


def test_it_comes_back_after_the_server_does(open_page: OpenPage, fanfare: Fanfare) -> None:
    """A lost server shows as such; what is written meanwhile arrives once it is back.

    The server comes back with empty tables, so that its rooms begin anew, which is told.
    """
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    ada.say("Good morning")
    expect(grace.message("Good morning")).to_be_visible()

    fanfare.stop()
    try:
        expect(ada.status).to_have_text("Offline")
        expect(ada.countdown).to_have_text(re.compile(r"Next try in \d+ s\."))
        ada.say("Is anybody there?")
        expect(ada.sending).to_have_text("Is anybody there?")
    finally:
        fanfare.start()
    for page in (ada, grace):
        # What a browser says when it is back on a network; it ends the page's wait.
        page.page.evaluate("dispatchEvent(new Event('online'))")
        expect(page.status).to_have_text("Live", timeout=30_000)
        expect(page.notes).to_contain_text("The room was started anew")

    expect(ada.message("Is anybody there?")).to_have_attribute("data-seq", "1")
    expect(grace.messages).to_have_text(["Good morning", "Is anybody there?"])
