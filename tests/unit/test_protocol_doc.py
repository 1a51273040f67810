"""docs/protocol.md says what the code does: every frame, every error and every limit."""

from __future__ import annotations

import functools
import operator
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from chalicelib.core import protocol
from chalicelib.core.errors import RETRY, Code
from chalicelib.core.limits import LIMITS, NAME_LIMIT, ROOMS_LIMIT
from chalicelib.core.protocol import Frame, Request
from chalicelib.service.history import WHO_PAGE
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable

DOC = (PROJECT / "docs/protocol.md").read_text()
EXAMPLES = re.findall(r"```json\n(.*?)```", DOC, re.DOTALL)
FROM_CLIENT = [line for text in EXAMPLES for line in text.splitlines() if line.startswith('{"act')]
FROM_SERVER = [
    re.sub(r",…\}", "}", text.replace("[…]", "[]")).replace(",…]", "]")
    for text in EXAMPLES
    if text.startswith('{"type"')
]

VERSION_1 = functools.reduce(
    operator.or_, (kind for kind in Frame.__args__ if kind is not protocol.PlainMessageFrame)
)
DECODER = msgspec.json.Decoder(VERSION_1)


def tags(union: Iterable[type]) -> set[str]:
    """The actions or types of a union of frames."""
    return {str(kind.__struct_config__.tag) for kind in union}  # type: ignore[attr-defined]


@pytest.mark.parametrize("example", FROM_CLIENT)
def test_every_example_from_the_client_is_understood(example: str) -> None:
    """A frame that the document tells clients to send is one that the server takes."""
    protocol.decode(example)


@pytest.mark.parametrize("example", FROM_SERVER)
def test_every_example_from_the_server_has_the_fields_that_it_sends(example: str) -> None:
    """The examples of answers are frames, with no field that the server does not send."""
    shown = msgspec.json.decode(example)
    frame = DECODER.decode(msgspec.json.encode(elided(shown)))
    assert set(shown) <= set(msgspec.json.decode(protocol.encode(frame)))


def elided(frame: dict[str, object]) -> dict[str, object]:
    """An example without the messages that it only hints at."""
    return frame | ({"messages": []} if "messages" in frame else {})


def test_every_action_and_every_type_is_documented() -> None:
    """No frame goes without an example."""
    actions = {msgspec.json.decode(example)["action"] for example in FROM_CLIENT}
    types = {msgspec.json.decode(example)["type"] for example in FROM_SERVER}
    assert actions == tags(Request.__args__)
    assert types == tags(Frame.__args__)


def test_every_error_is_documented_with_its_retry_rule() -> None:
    """The table of the document is the table of the code."""
    rows = re.findall(r"^\| `(\w+)` \| (never|later|reconnect) \|", DOC, re.MULTILINE)
    assert dict(rows) == {str(code): str(RETRY[code]) for code in Code}


def test_the_browser_client_has_the_same_table() -> None:
    """Its codes are the server's, with the same rules, and four of its own."""
    table = (PROJECT / "static/client/protocol.js").read_text()
    rows = dict(re.findall(r'^  (\w+): "(never|later|reconnect)",$', table, re.MULTILINE))
    own = {"kicked", "queue_full", "left", "closed", "no_token"}
    assert {code: rule for code, rule in rows.items() if code not in own} == {
        str(code): str(RETRY[code]) for code in Code
    }


@pytest.mark.parametrize(
    "text",
    [
        f"({protocol.FRAME_LIMIT:,} bytes)",
        f"({protocol.MESSAGE_LIMIT:,} bytes of UTF-8)",
        f"| {protocol.SIGNAL_LIMIT // 1024} KB of JSON |",
        f"| rooms per connection | {ROOMS_LIMIT} |",
        f"1 to {protocol.ROOM_NAME_LIMIT} characters",
        f"| {protocol.PAGE_LIMIT} messages,",
        f"| about {WHO_PAGE} members |",
        f"more than {NAME_LIMIT} characters are cut off",
        f"up to {protocol.PING_LIMIT} joined rooms",
        f"| {LIMITS.bounds.depth} | error `bad_frame` |",
        f"| {LIMITS.bounds.keys:,} | error `bad_frame` |",
        f"| {LIMITS.frames} a second, and {LIMITS.frames * LIMITS.burst} at once |",
        f"| {LIMITS.joins} a second, and {LIMITS.joins * LIMITS.burst} at once |",
        f"| connections per user | {LIMITS.connections} |",
        f"{LIMITS.burst} seconds of time to begin with",
        f"it is {LIMITS.abuse} seconds in debt",
        protocol.SUBPROTOCOL,
    ],
)
def test_every_limit_is_documented(text: str) -> None:
    """The figures of the document are those of the code."""
    assert text in DOC
