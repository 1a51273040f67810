"""The moderator's dialog of the page, and its effects on the pages of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.browser.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Locator

    from tests.browser.chat import Chat

    OpenPage = Callable[..., Chat]

GRACE = {"userId": "grace-1", "username": "Grace"}


def choose(page: Chat, choice: str) -> None:
    """Take one of the things that the dialog offers."""
    dialog = page.page.get_by_role("dialog", name="Grace")
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_be_hidden()
    expect(page.box).to_be_focused()


def menu(page: Chat) -> Locator:
    """The button that opens the dialog about a message."""
    return page.messages.get_by_role("button", name="Moderate this message of Grace")


def acts(server: StandIn) -> list[dict[str, Any]]:
    """The requests that a moderator has sent to the server."""
    asked = ("kick", "ban", "mute", "delete")
    return [frame for frame in server.received if frame["action"] in asked]


def test_a_moderator_takes_a_message_away(open_page: OpenPage, room: str) -> None:
    """The dialog asks the server; the text goes when the tombstone comes, for everybody."""
    server = StandIn()
    server.moderates = True
    page = open_page(server=server.accept)
    page.join("Ada")
    server.say("something rude", room=room, user="grace-1")
    menu(page).click()
    choose(page, "Remove this message")
    assert acts(server) == [{"action": "delete", "seq": 1, "epoch": server.epoch, "room": room}]
    expect(page.message("something rude")).to_be_visible()

    tombstone = server.write("", room=room, name="Ada", user="me")
    tombstone["data"] |= {"type": "delete", "deletes": 1}
    server.send(tombstone)
    expect(page.messages).to_have_text("This message was removed.")
    expect(page.notes).to_have_text("You removed a message.")
    expect(menu(page)).to_have_count(0)


def test_a_moderator_puts_a_member_out(open_page: OpenPage, room: str) -> None:
    """Members can be picked from the list; leaving the dialog does nothing."""
    server = StandIn()
    server.moderates = True
    server.others = [GRACE]
    page = open_page(server=server.accept)
    page.join("Ada")
    grace = page.members.get_by_role("button", name="Grace")
    grace.click()
    page.page.keyboard.press("Escape")
    expect(page.page.get_by_role("dialog")).to_be_hidden()
    grace.click()
    choose(page, "Put out of the room")
    assert acts(server) == [{"action": "kick", "userId": "grace-1", "room": room}]


def test_nobody_else_is_offered_any_of_it(open_page: OpenPage, room: str) -> None:
    """Without the right there are names and messages, and nothing to press."""
    server = StandIn()
    server.others = [GRACE]
    page = open_page(server=server.accept)
    page.join("Ada")
    server.say("hi", room=room)
    expect(page.members).to_have_text(["Ada", "Grace"])
    expect(page.message("hi")).to_be_visible()
    expect(menu(page)).to_have_count(0)
    expect(page.members.get_by_role("button")).to_have_count(0)


def test_who_is_put_out_sees_why_and_does_not_slip_back(open_page: OpenPage, room: str) -> None:
    """The room goes off the page; the next one is shown, and after the last there is none."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")
    page.enter("lobby")
    server.send({"type": "left", "room": room, "reason": "kicked"})
    expect(page.rooms).to_have_text(["lobby"])
    server.send({"type": "left", "room": "lobby", "reason": "banned"})
    expect(page.alert).to_have_text("“lobby”: A moderator has banned you from the room.")
    expect(page.rooms).to_have_count(0)
    expect(page.box).to_be_hidden()
    expect(page.status).to_have_text("Live")
    joins = [frame["room"] for frame in server.received if frame["action"] == "join"]
    assert joins == [room, "lobby"]
    page.enter(room)
    expect(page.box).to_be_visible()


def test_what_the_deleted_said_is_not_shown_from_the_past(open_page: OpenPage, room: str) -> None:
    """A later reader sees that a message was there, who took it away, and no text."""
    server = StandIn()
    rude = server.write("", room=room, name="Grace", user="grace-1")
    rude["data"]["type"] = "deleted"
    tombstone = server.write("", room=room, name="Mod", user="mod")
    tombstone["data"] |= {"type": "delete", "deletes": 1}
    server.write("and on we go", room=room)
    page = open_page(server=server.accept)
    page.join("Ada")
    expect(page.messages).to_have_text(["This message was removed.", "and on we go"])
    expect(page.notes).to_have_text("Mod removed a message.")
