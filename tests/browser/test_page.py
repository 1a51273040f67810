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
    from tests.running import Fanfare

    OpenPage = Callable[..., Chat]


def test_the_keyboard_is_enough(open_page: OpenPage) -> None:
    """From load to a sent message and out again, no pointer is needed."""
    page = open_page(server=StandIn().accept)
    expect(page.connect).to_be_enabled()
    keyboard = page.page.keyboard

    keyboard.type("Ada")
    keyboard.press("Enter")
    expect(page.status).to_have_text("Connected")
    keyboard.type("Hello")
    keyboard.press("Tab")
    expect(page.send).to_be_focused()
    keyboard.press("Enter")
    expect(page.message("Hello")).to_be_visible()
    expect(page.box).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.log).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(page.disconnect).to_be_focused()
    keyboard.press("Enter")

    expect(page.status).to_have_text("Disconnected")


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_never_scrolls_sideways(open_page: OpenPage, width: int) -> None:
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
    server.say("W" * 400, name="W" * 40)

    expect(page.messages).to_have_count(2)
    expect(page.send).to_be_in_viewport(ratio=1)
    overflow = "() => document.documentElement.scrollWidth - window.innerWidth"
    assert page.page.evaluate(overflow) <= 0
    assert page.log.evaluate("log => log.scrollWidth - log.clientWidth") == 0


def test_every_control_has_a_name(open_page: OpenPage) -> None:
    """A screen reader finds a name for every control, before connecting and after."""
    page = open_page()
    expect(page.connect).to_be_enabled()
    controls = page.page.locator("button:visible, input:visible, textarea:visible, [tabindex]")

    for connected in (False, True):
        if connected:
            page.join("Ada")
        assert controls.count() >= 3
        for control in controls.all():
            expect(control).to_have_accessible_name(re.compile(r"\w"))


def test_the_endpoint_in_the_address_wins(open_page: OpenPage, fanfare: Fanfare) -> None:
    """`?endpoint=` names the server to use instead of the configured one."""
    other = fanfare.websocket_url.replace("127.0.0.1", "localhost")
    page = open_page(f"?endpoint={quote(other, safe='')}")

    with page.page.expect_websocket() as opened:
        page.join("Ada Lovelace")

    assert opened.value.url == f"{other}?username=Ada+Lovelace"


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


def test_a_refused_message_says_so(open_page: OpenPage) -> None:
    """A message that the server refuses is marked as not sent, with the server's reason."""

    def enlarge(connection: WebSocketRoute) -> None:
        server = connection.connect_to_server()

        def forward(frame: str | bytes) -> None:
            server.send(str(frame).replace("large", "x" * 17_000))

        connection.on_message(forward)

    page = open_page(server=enlarge)
    page.join("Ada")

    page.say("small")
    page.say("large")

    expect(page.refused).to_have_text("large")
    expect(page.reasons).to_have_text(re.compile(r"^Not sent\. .*17000.*16384"))
    expect(page.message("small")).not_to_have_class(re.compile("refused"))


def test_the_gateways_own_error_is_shown(open_page: OpenPage) -> None:
    """An error without a type, as API Gateway sends it, is shown, here as a line of its own."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")
    error = {"message": "Internal server error", "connectionId": "c=", "requestId": "r="}

    server.send(error)

    expect(page.notes).to_have_text("Internal server error (request r=)")


def test_a_lost_connection_waits_and_tries_again(open_page: OpenPage) -> None:
    """The wait grows with each failure and ends by itself or at Try now."""
    server = StandIn()
    page = open_page(server=server.accept)
    clock = page.page.clock
    clock.install()
    page.join("Ada")
    clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    page.page.evaluate("Math.random = () => 0.999")
    countdown = page.page.locator("#countdown")

    for tries, seconds in enumerate((1, 2, 4, 8, 16, 30, 30), start=1):
        server.drop()
        expect(page.status).to_have_text("Reconnecting…")
        expect(countdown).to_have_text(f"Next try in {seconds} s.")
        if tries % 2:
            page.retry.click()
        else:
            clock.run_for(seconds * 1_000)
        expect(page.status).to_have_text("Connected")
        expect(page.retry).to_be_hidden()
    expect(page.notes).to_have_count(7)


def test_a_reader_of_older_messages_is_left_in_peace(open_page: OpenPage) -> None:
    """New messages scroll the list only for a reader at its end; others get a button."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")

    for number in range(30):
        server.say(f"message {number}")
    expect(page.message("message 29")).to_be_in_viewport()
    page.log.evaluate("log => log.scrollTo(0, 0)")
    expect(page.message("message 0")).to_be_in_viewport()
    # Two frames on, the page has seen that it was scrolled.
    page.page.evaluate(
        "() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
    )
    server.say("news")
    expect(page.newer).to_have_text("1 new message")
    expect(page.message("message 0")).to_be_in_viewport()
    page.newer.click()

    expect(page.message("news")).to_be_in_viewport()
    expect(page.newer).to_be_hidden()


def test_only_the_newest_500_stay(open_page: OpenPage) -> None:
    """A long session keeps 500 messages in the document, and no empty group."""
    server = StandIn()
    page = open_page(server=server.accept)
    page.join("Ada")

    for number in range(520):
        server.say(f"message {number}", sender=f"c{number // 7}")

    expect(page.message("message 519")).to_be_visible()
    expect(page.messages).to_have_count(500)
    expect(page.messages.first).to_have_text("message 20")
    expect(page.page.locator(".group:not(:has(.message))")).to_have_count(0)
