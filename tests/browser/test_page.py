"""One page by itself: keys, sizes, addresses, accessible names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import WebSocketRoute

    from tests.browser.chat import Chat
    from tests.support.application import Fanfare

    OpenPage = Callable[..., Chat]


def test_the_keyboard_is_enough(open_page: OpenPage) -> None:
    """From load to a sent message and out again, no pointer is needed."""
    page = open_page(server=StandIn().accept)
    expect(page.connect).to_be_enabled()
    keyboard = page.page.keyboard

    keyboard.type("Ada")
    keyboard.press("Enter")
    expect(page.status).to_have_text("Live")
    keyboard.type("Hello")
    keyboard.press("Tab")
    expect(page.send).to_be_focused()
    keyboard.press("Enter")
    expect(page.message("Hello")).to_be_visible()
    expect(page.box).to_be_focused()
    for control in (page.log, page.leave, page.page.get_by_role("button", name="Join", exact=True)):
        keyboard.press("Shift+Tab")
        expect(control).to_be_focused()
    for control in (page.page.get_by_label("Room to join"), page.rooms, page.disconnect):
        keyboard.press("Shift+Tab")
        expect(control).to_be_focused()
    keyboard.press("Enter")

    expect(page.status).to_have_text("Disconnected")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_never_scrolls_sideways(open_page: OpenPage, room: str, width: int) -> None:
    """Long words and names wrap or are cut, and Send stays on the screen."""
    server = StandIn()
    page = open_page(
        server=server.accept,
        viewport={"width": width, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    page.join("W" * 40)

    page.say("W" * 400)
    server.say("W" * 400, room=room, name="W" * 40)

    expect(page.messages).to_have_count(2)
    expect(page.send).to_be_in_viewport(ratio=1)
    page.page.get_by_role("button", name="Rooms").click()
    page.enter("W" * 64)
    overflow = "() => document.documentElement.scrollWidth - window.innerWidth"
    assert page.page.evaluate(overflow) <= 0
    assert page.log.evaluate("log => log.scrollWidth - log.clientWidth") == 0


def test_a_phone_shows_rooms_and_members_on_demand(open_page: OpenPage, room: str) -> None:
    """On a narrow screen the panel opens by its button, and closes on choosing, Escape or a tap."""
    server = StandIn()
    page = open_page(server=server.accept, viewport={"width": 390, "height": 844})
    page.join("Ada")
    menu = page.page.get_by_role("button", name=re.compile("^Rooms"))
    panel = page.page.get_by_role("complementary")
    expect(panel).to_be_hidden()

    menu.click()
    expect(page.members).to_have_text(["Ada"])
    page.enter("tea")
    expect(panel).to_be_hidden()
    server.say("news", room=room)
    expect(menu).to_have_text("Rooms1")
    menu.click()
    page.rooms.first.press("Escape")
    expect(panel).to_be_hidden()
    expect(menu).to_be_focused()
    menu.click()
    page.page.mouse.click(380, 400)

    expect(panel).to_be_hidden()


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    """A screen reader finds a name for every control, before connecting and after."""
    page = open_page()
    expect(page.connect).to_be_enabled()
    controls = page.page.locator("button:visible, input:visible, textarea:visible, [tabindex]")

    for connected in (False, True):
        if connected:
            page.join("Ada")
        assert controls.count() >= 2
        for control in controls.all():
            expect(control).to_have_accessible_name(re.compile(r"\w"))


def test_the_endpoint_in_the_address_wins(open_page: OpenPage, fanfare: Fanfare) -> None:
    """`?endpoint=` names the server to use instead of the configured one."""
    other = fanfare.websocket_url.replace("127.0.0.1", "localhost")
    page = open_page(f"?endpoint={quote(other, safe='')}")

    with page.page.expect_websocket() as opened:
        page.join("Ada Lovelace")

    assert re.fullmatch(
        rf"{re.escape(other)}\?username=Ada\+Lovelace&session=[\w-]{{22}}", opened.value.url
    )


@pytest.mark.parametrize("endpoint", ["https://example.org/api", "javascript:alert(1)", "nonsense"])
def test_an_endpoint_that_is_none_is_refused(open_page: OpenPage, endpoint: str) -> None:
    """An address that is not ws: or wss: is named in the message, and Connect stays off."""
    page = open_page(f"?endpoint={quote(endpoint, safe='')}")

    expect(page.alert).to_contain_text(f"“{endpoint}”")
    expect(page.alert).to_contain_text("must begin with wss:// or ws://")
    expect(page.connect).to_be_disabled()


def test_a_message_that_is_too_long_is_held_back(open_page: OpenPage) -> None:
    """Over 16 KB the page says so while one writes, sends nothing and keeps the text."""
    page = open_page(server=StandIn().accept)
    page.join("Ada")
    text = "é" * 8_193

    page.say(text)

    expect(page.hint).to_have_text("16.1 KB is too long: 16 KB can be sent at once.")
    expect(page.box).to_have_value(text)
    expect(page.messages).to_have_count(0)
    page.say(text[:-1])
    expect(page.messages).to_have_count(1)


def test_a_refused_message_can_be_mended(open_page: OpenPage) -> None:
    """A message that is refused for good says why, and gives its text back on demand."""

    def misspell(connection: WebSocketRoute) -> None:
        real = connection.connect_to_server()

        def forward(frame: str | bytes) -> None:
            real.send(str(frame).replace('"chat"', '"song"' if "large" in str(frame) else '"chat"'))

        connection.on_message(forward)

    page = open_page(server=misspell)
    page.join("Ada")

    page.say("small")
    expect(page.message("small")).to_have_attribute("data-state", "sent")
    page.say("large")
    expect(page.refused).to_have_text("large")
    expect(page.reasons).to_have_text(re.compile(r"^Not sent\. .*song"))
    page.box.fill("and more")
    page.reasons.get_by_role("button", name="Edit").click()

    expect(page.box).to_have_value("large\nand more")
    expect(page.box).to_be_focused()
    expect(page.messages).to_have_text("small")
    expect(page.reasons).to_have_count(0)


def test_too_many_waiting_messages_are_held_back(open_page: OpenPage) -> None:
    """A message after 200 waiting ones stays in the box, and the page says why."""
    server = StandIn()
    server.silent = True
    page = open_page(server=server.accept)
    page.join("Ada")

    page.say_all([f"message {number}" for number in range(200)])
    page.say("one too many")

    expect(page.hint).to_contain_text("200 messages are waiting to be sent already")
    expect(page.box).to_have_value("one too many")
    expect(page.sending).to_have_count(200)


def test_the_gateways_own_error_is_shown(open_page: OpenPage) -> None:
    """An error without a type, as API Gateway sends it, is shown, here as a line of its own."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")
    error = {"message": "Internal server error", "connectionId": "c=", "requestId": "r="}

    server.send(error)

    expect(page.notes).to_have_text("Internal server error (request r=)")


def test_what_is_no_longer_kept_is_told(open_page: OpenPage, room: str) -> None:
    """Messages that cannot be had any more are a line at their place, not a silent gap."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")
    server.say("one", room=room)
    expect(page.message("one")).to_be_visible()

    # Before the connection is lost, since the page may be back at once: its wait is a random one.
    for number in range(2, 7):
        server.write(f"message {number}", room=room)
    server.kept = 2
    server.drop()

    expect(page.notes).to_have_text("3 messages between are no longer kept.")
    expect(page.messages).to_have_text(["one", "message 5", "message 6"])


def test_a_lost_connection_waits_and_tries_again(open_page: OpenPage) -> None:
    """The wait grows with each failure and ends by itself or at Try now."""
    server = StandIn()
    page = open_page(server=server.accept)
    clock = page.page.clock
    clock.install()
    page.join("Ada")
    clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    page.page.evaluate("() => { crypto.getRandomValues = (bytes) => bytes.fill(255); }")

    for tries, seconds in enumerate((1, 2, 4, 8, 16, 30, 30), start=1):
        server.drop()
        expect(page.status).to_have_text("Offline")
        expect(page.countdown).to_have_text(f"Next try in {seconds} s.")
        if tries % 2:
            page.retry.click()
        else:
            clock.run_for(seconds * 1_000)
        expect(page.status).to_have_text("Live")
        expect(page.retry).to_be_hidden()


def test_a_reader_of_older_messages_is_left_in_peace(open_page: OpenPage, room: str) -> None:
    """New messages scroll the list only for a reader at its end; others get a button."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")

    for number in range(30):
        server.say(f"message {number}", room=room)
    expect(page.message("message 29")).to_be_in_viewport()
    page.log.evaluate("log => log.scrollTo(0, 0)")
    expect(page.message("message 0")).to_be_in_viewport()
    # Two frames on, the page has seen that it was scrolled.
    page.page.evaluate(
        "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
    )
    server.say("news", room=room)
    expect(page.newer).to_have_text("1 new message")
    expect(page.message("message 0")).to_be_in_viewport()
    page.newer.click()

    expect(page.message("news")).to_be_in_viewport()
    expect(page.newer).to_be_hidden()


def test_only_the_newest_500_stay(open_page: OpenPage, room: str) -> None:
    """A long session keeps 500 messages in the document; older ones come back on scrolling up."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")

    for number in range(520):
        server.say(f"message {number}", room=room, user=f"u{number // 7}")

    expect(page.message("message 519")).to_be_visible()
    expect(page.messages).to_have_count(500)
    expect(page.messages.first).to_have_text("message 20")
    expect(page.page.locator(".message-group:not(:has(.message))")).to_have_count(0)
    page.log.evaluate("log => log.scrollTo(0, 0)")
    expect(page.messages).to_have_count(520)
    expect(page.messages.first).to_have_text("message 0")
    expect(page.edge).to_have_text("The room begins here.")
