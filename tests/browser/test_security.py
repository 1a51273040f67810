"""Hostile names, rooms, texts and servers can do nothing to the page, in a real browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from uuid import uuid4

from playwright.sync_api import expect

from chalicelib.adapters import static_files
from tests.browser.chat import Chat
from tests.browser.standin import StandIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Dialog, Page, Route

    from tests.support.application import Fanfare

    OpenPage = Callable[..., Chat]

HOSTILE: Final = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "<iframe src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>me</a>",
    "javascript:alert(1)",
    "__proto__",
)
"""Markup and scripts that fit into a name."""

FOREIGN: Final = ", ".join(
    (
        "script:not([src='page/app.js'])",
        "iframe",
        "svg",
        "[onerror]",
        "[onload]",
        "a:not([href^='#room='])",
    )
)
"""Elements that no text may become; the page itself holds others only."""

WATCHED: Final = """
new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
  // In a timer, it runs as a script of the page does, and not as one of the browser's tools.
  const add = (place, tag, values) =>
    document[place].append(Object.assign(document.createElement(tag), values));
  setTimeout(() => { ATTEMPT });
})
"""
"""Tries something, and returns which directive stops it."""

ATTEMPTS: Final = (
    "document.body.innerHTML += '<p>x</p>'",
    "eval('1')",
    "new Function('1')()",
    "add('head', 'script', {text: '1'})",
    "add('body', 'img', {src: '//x.invalid'})",
    "document.body.setAttribute('style', 'display: none')",
    "document.body.setAttribute('onclick', '1')",
    "fetch('//x.invalid').catch(() => {})",
    "add('body', 'iframe', {src: '//x.invalid'})",
    "add('head', 'base', {href: '//x.invalid'})",
)
"""Acts of a script that has got in, or of markup that brings one."""


class Watch:
    """Acts of a page that it should not do: dialogs, and requests beyond its own server."""

    def __init__(self, page: Page, home: str) -> None:
        self.page = page
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        page.on("dialog", self._dismiss)
        page.on("request", lambda request: self._note(request.url, home))

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _note(self, url: str, home: str) -> None:
        if not url.startswith(home) or url.endswith("/x"):
            self.requests.append(url)

    def nothing_happened(self) -> None:
        """Look whether any text has become more than text."""
        expect(self.page.locator(FOREIGN)).to_have_count(0)
        assert (self.dialogs, self.requests) == ([], [])


def test_names_rooms_and_texts_are_only_text(open_page: OpenPage, fanfare: Fanfare) -> None:
    """Through the real server, another page shows each as it was written, and does nothing."""
    name, room = HOSTILE[0], f"{HOSTILE[1]} {uuid4().hex[:8]}"
    reader, writer = open_page(), open_page()
    watch = Watch(reader.page, fanfare.page_url)
    reader.join("Bob")
    reader.enter(room)
    writer.join(name)
    writer.enter(room)

    for text in HOSTILE:
        writer.say(text)

    for text in HOSTILE:
        expect(reader.message(text)).to_be_visible()
    expect(reader.group(name)).to_be_visible()
    expect(reader.members.get_by_text(name, exact=True)).to_be_visible()
    expect(reader.room).to_have_text(room)
    assert reader.page.title().startswith(f"{room} · ")
    watch.nothing_happened()


def test_a_room_is_a_link_to_itself_alone(open_page: OpenPage, fanfare: Fanfare) -> None:
    """A room of any name is shown by following its link, and by its address as well."""
    page = open_page(server=StandIn().accept)
    watch = Watch(page.page, fanfare.page_url)
    page.join("Ada")
    for room in HOSTILE:
        page.page.goto(f"{fanfare.page_url}#room={quote(room)}")
        expect(page.room).to_have_text(room)

    for room in HOSTILE:
        page.go(room)

        assert page.link(room).get_attribute("href") == f"#room={quote(room, safe='()!*~')}"
    watch.nothing_happened()


def test_nothing_that_a_server_says_is_more_than_text(
    open_page: OpenPage, fanfare: Fanfare, room: str
) -> None:
    """Not in errors, presence, signals, ids, or the address that the page was given."""
    server = StandIn()
    page = open_page(server=server.accept)
    watch = Watch(page.page, fanfare.page_url)
    page.join("Ada")

    for hostile in HOSTILE:
        user = {"userId": hostile, "username": hostile}
        server.say(hostile, room=room, name=hostile, user=hostile)
        server.send({"type": "presence", "room": room, "members": 2, "joined": [user], "left": []})
        server.send({"type": "signal", "room": room, "data": {"typing": True}, "from": user})
        server.send({"type": "error", "code": hostile, "message": hostile, "retry": "never"})
        server.send(
            {
                "type": "notice",
                "id": hostile,
                "message": hostile,
                "timestamp": hostile,
                "from": user,
            }
        )
        server.send({"type": hostile, "room": hostile, "__proto__": {"room": room}})
        expect(page.message(hostile)).to_be_visible()
        expect(page.notes.get_by_text(hostile, exact=True)).to_be_visible()

    watch.nothing_happened()


def test_an_endpoint_in_the_address_is_only_text(open_page: OpenPage, fanfare: Fanfare) -> None:
    """A link to the page that somebody else has made shows its endpoint, and runs nothing."""
    page = open_page(f"?endpoint={quote(HOSTILE[0])}")
    watch = Watch(page.page, fanfare.page_url)

    expect(page.alert).to_contain_text(HOSTILE[0])

    watch.nothing_happened()


def test_the_policy_stops_what_gets_past_the_page(browser: Browser, fanfare: Fanfare) -> None:
    """Were there a hole in the page, the browser would not run, load or send what comes in."""
    context = browser.new_context()
    page = context.new_page()
    for attempt in ATTEMPTS:
        page.goto(fanfare.page_url)
        assert page.evaluate(WATCHED.replace("ATTEMPT", attempt)), attempt
    context.close()


def test_over_tls_no_address_leads_to_another_server(browser: Browser, fanfare: Fanfare) -> None:
    """A link that names somebody's own server gets the browser to say no, and the page why."""
    context = browser.new_context()
    page = context.new_page()

    def send_as_in_production(route: Route) -> None:
        answer = route.fetch()
        policy = static_files.policy("wss://chat.example.com/api")
        headers = {**answer.headers, "content-security-policy": policy}
        route.fulfill(response=answer, headers=headers)

    page.route(re.compile("endpoint="), send_as_in_production)
    page.goto(f"{fanfare.page_url}?endpoint={quote('wss://x.invalid/api', safe='')}")
    chat = Chat(page)

    chat.name.fill("Ada")
    chat.connect.click()

    expect(chat.alert).to_contain_text("This page may not connect to wss://x.invalid/api")
    context.close()


def test_no_other_site_can_frame_the_page(browser: Browser, fanfare: Fanfare) -> None:
    """A page that lays ours under its own, for clicks that are meant for something else."""
    context = browser.new_context()
    page = context.new_page()
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.set_content(f"<iframe src='{fanfare.page_url}'></iframe>")
    context.close()
