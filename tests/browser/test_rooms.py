"""Several rooms, several people, the real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browser.chat import Chat

    OpenPage = Callable[..., Chat]

MESSAGES = 30


def test_rooms_are_apart(open_page: OpenPage, room: str) -> None:
    """A message of one room is not shown in another, and going back finds it."""
    tea = f"{room} tea"
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    for page in (ada, grace):
        page.enter(tea)

    ada.say("in tea")
    expect(grace.messages).to_have_text("in tea")
    ada.go(room)
    ada.say("in the first")
    grace.go(room)

    expect(grace.messages).to_have_text("in the first")
    grace.go(tea)
    expect(grace.messages).to_have_text("in tea")


def test_what_is_unread_elsewhere_is_counted(open_page: OpenPage, room: str) -> None:
    """Messages in other rooms are counted beside the room and in the title until one goes there."""
    tea = f"{room} tea"
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    grace.enter(tea)

    ada.say("one")
    ada.say("two")

    expect(grace.unread(room)).to_have_text("2")
    expect(grace.page).to_have_title(f"(2) {tea} · Fanfare")
    grace.go(room)
    expect(grace.unread(room)).to_be_hidden()
    expect(grace.page).to_have_title(f"{room} · Fanfare")
    expect(grace.messages).to_have_text(["one", "two"])


def test_who_leaves_a_room_hears_nothing_of_it(open_page: OpenPage, room: str) -> None:
    """A room that was left is off the list, and joining it again finds it as it is by then."""
    tea = f"{room} tea"
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    ada.enter(tea)
    grace.enter(tea)
    expect(ada.present).to_have_text("2 here")

    grace.leave.click()
    expect(grace.room).to_have_text(room)
    expect(grace.rooms).to_have_text([room])
    expect(ada.present).to_have_text("1 here")
    ada.say("Where is everybody?")
    expect(ada.message("Where is everybody?")).to_have_attribute("data-state", "sent")
    grace.enter(tea)

    expect(grace.messages).to_have_text("Where is everybody?")


def test_a_room_that_cannot_be_is_refused(open_page: OpenPage, room: str) -> None:
    """A name with invisible characters is refused with the server's reason, and changes nothing."""
    ada = open_page()
    ada.join("Ada")

    ada.page.get_by_label("Room to join").fill("tea\u200b\u0000")
    ada.page.get_by_label("Room to join").press("Enter")

    expect(ada.alert).to_contain_text("cannot be joined.")
    expect(ada.room).to_have_text(room)
    expect(ada.rooms).to_have_text([room])


def test_members_come_and_go(open_page: OpenPage) -> None:
    """The list of members and their number follow who is here, in every window."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    expect(ada.members).to_have_text(["Ada"])
    expect(ada.present).to_have_text("1 here")

    grace.join("Grace")
    for page in (ada, grace):
        expect(page.members).to_have_text(["Ada", "Grace"])
        expect(page.present).to_have_text("2 here")
    grace.disconnect.click()

    expect(ada.members).to_have_text(["Ada"])
    expect(ada.present).to_have_text("1 here")


def test_writing_shows_and_fades(open_page: OpenPage) -> None:
    """A user who writes is named to the others only, until the message comes or writing stops."""
    ada, grace = open_page(), open_page()
    grace.page.clock.install()
    ada.join("Ada")
    grace.join("Grace")

    ada.box.press_sequentially("Good")
    expect(grace.typing).to_have_text("Ada is writing…")
    expect(ada.typing).to_be_empty()
    ada.box.press("Enter")
    expect(grace.message("Good")).to_be_visible()
    expect(grace.typing).to_be_empty()
    ada.box.press_sequentially("morn")
    expect(grace.typing).to_have_text("Ada is writing…")
    grace.page.clock.run_for(5_000)

    expect(grace.typing).to_be_empty()


def test_the_past_is_read_on_scrolling_up(open_page: OpenPage) -> None:
    """A later reader gets the newest page, and older ones by scrolling, without a jump."""
    ada = open_page()
    ada.join("Ada")
    texts = [f"message {number}" for number in range(1, 71)]
    ada.say_all(texts)
    expect(ada.message("message 70")).to_have_attribute("data-seq", "70", timeout=30_000)
    grace = open_page()

    grace.join("Grace")
    expect(grace.message("message 70")).to_be_in_viewport()
    expect(grace.messages).to_have_count(50)
    grace.page.evaluate(
        """() => {
          const log = document.querySelector(".view:not([hidden]) .message-list");
          const [seen] = log.querySelectorAll(".message");
          log.scrollTop = 10;
          window.place = () => Math.round(seen.getBoundingClientRect().top);
          window.before = window.place();
        }"""
    )
    expect(grace.messages).to_have_count(70)

    assert (
        grace.page.evaluate("[window.before, window.place()]")
        == [grace.page.evaluate("window.before")] * 2
    )
    expect(grace.messages).to_have_text(texts)
    expect(grace.edge).to_have_text("The room begins here.")


def test_nothing_is_lost_or_doubled_by_a_lost_network(open_page: OpenPage) -> None:
    """Cut off without a word, a page catches up with 30 messages, and its own queue arrives once.

    Chromium's offline emulation lets an open socket live, and lets nothing through, as a network
    that is gone does.
    """
    ada, grace = open_page(), open_page()
    ada.page.clock.install()
    ada.join("Ada")
    grace.join("Grace")
    ada.say("before")
    expect(grace.message("before")).to_be_visible()

    ada.page.context.set_offline(True)
    said = [f"message {number}" for number in range(1, MESSAGES + 1)]
    grace.say_all(said)
    expect(grace.message(said[-1])).to_have_attribute("data-state", "sent", timeout=30_000)
    queued = ["queued one", "queued two", "queued three"]
    for text in queued:
        ada.say(text)
    expect(ada.sending).to_have_text(queued)
    expect(ada.messages).to_have_count(1 + len(queued))
    ada.page.clock.run_for(16_000)
    expect(ada.status).to_have_text(re.compile(r"Offline|Connecting"))
    ada.page.context.set_offline(False)
    ada.page.clock.run_for(30_000)

    expect(ada.status).to_have_text("Live")
    everything = ["before", *said, *queued]
    expect(ada.messages).to_have_text(everything)
    expect(grace.messages).to_have_text(everything)
    expect(ada.sending).to_have_count(0)


def test_a_queue_survives_a_reload(open_page: OpenPage) -> None:
    """A message that was not sent when the page is reloaded is sent afterwards, once."""
    ada, grace = open_page(), open_page()
    ada.join("Ada")
    grace.join("Grace")
    # Nothing that Ada says gets out, and nobody tells her.
    ada.page.evaluate("WebSocket.prototype.send = () => {}")

    ada.say("one")
    ada.say("two")
    expect(ada.sending).to_have_count(2)
    ada.page.reload()

    expect(grace.messages).to_have_text(["one", "two"])
    expect(ada.messages).to_have_text(["one", "two"])
    expect(ada.sending).to_have_count(0)
