"""Common WebSocket clients before the gateway, with an app that does not know it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from apigw_local.gateway import Quotas
from gateway_support.serving import Served
from tests.examples.running import websocket_url
from tests.examples.visits import ABNORMAL, Say, Visit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway_support.terminal import Terminal
    from tests.examples.visits import Client

FRAME = 32 * 1024
TOKEN = "?token=sesame"


@pytest.fixture(scope="module")
def url(echo: Terminal) -> str:
    """The WebSocket URL of the echo app."""
    return websocket_url(echo, TOKEN)


@pytest.fixture
def open_gateway() -> Iterator[Callable[..., str]]:
    """Open a gateway with `Quotas` that the app has no part in, and give its URL."""
    with ExitStack() as stack:

        def open_one(**quotas: float) -> str:
            served = Served(quotas=Quotas(**quotas))  # type: ignore[arg-type] # each is a number
            stack.callback(served.stop)
            return served.gateway.url

        yield open_one


def test_what_is_said_comes_back(client: Client, url: str) -> None:
    """A frame of 32 KB, the longest there is, comes back as one message."""
    text = "é" * (FRAME // 2)
    assert client.visit(Visit(url, says=(Say(text),), answers=1)).received == [text]


def test_a_longer_frame_closes_with_1009(client: Client, url: str) -> None:
    """One byte more than 32 KB ends the connection."""
    outcome = client.visit(Visit(url, says=(Say("x" * (FRAME + 1)),)))
    assert (outcome.received, outcome.code) == ([], 1009)


def test_bytes_close_with_1003(client: Client, url: str) -> None:
    """Binary messages are not supported."""
    assert client.visit(Visit(url, says=(Say(bytes=3),))).code == 1003


def test_the_app_closes_with_1000(client: Client, url: str) -> None:
    """`app.websocket_api.close` has a fixed code and reason."""
    outcome = client.visit(Visit(url, says=(Say("close"),)))
    assert (outcome.code, outcome.reason) == (1000, "Connection Closed Normally")


def test_an_idle_connection_closes_with_1001(
    client: Client, open_gateway: Callable[..., str]
) -> None:
    """The gateway leaves when nothing has been said for too long."""
    outcome = client.visit(Visit(open_gateway(idle_seconds=0.2)))
    assert (outcome.code, outcome.reason) == (1001, "Going away")


def test_a_failing_handler_closes_nothing(client: Client, url: str) -> None:
    """The client gets an error frame, and goes on talking."""
    outcome = client.visit(Visit(url, says=(Say("fail"), Say("hi")), answers=2))
    assert "hi" in outcome.received
    [error] = [json.loads(frame) for frame in outcome.received if frame != "hi"]
    assert set(error) == {"message", "connectionId", "requestId"}
    assert error["message"] == "Internal server error"


def test_the_app_refuses_with_a_status(client: Client, echo: Terminal) -> None:
    """Without the token the handshake fails with the handler's 401."""
    outcome = client.visit(Visit(websocket_url(echo, "?token=guessed")))
    assert outcome.code == ABNORMAL
    assert ("Authentication failed" if client.name == "browser" else "401") in outcome.complaint


def test_a_wrong_stage_is_forbidden(client: Client, url: str) -> None:
    """Another path than the stage's is refused with 403, the token or not."""
    outcome = client.visit(Visit(url.replace("/api", "/other")))
    assert outcome.code == ABNORMAL
    assert "403" in outcome.complaint


def test_too_many_connections_are_throttled(
    client: Client, open_gateway: Callable[..., str]
) -> None:
    """One connection more than may be opened is refused with 429."""
    outcome = client.visit(Visit(open_gateway(new_connections_burst=0)))
    assert outcome.code == ABNORMAL
    assert "429" in outcome.complaint


def test_the_app_chooses_the_subprotocol(client: Client, url: str) -> None:
    """Of those that a client offers, the handler's is chosen, not the first."""
    visit = Visit(url, says=(Say("hi"),), answers=1, subprotocols=("other", "echo"))
    outcome = client.visit(visit)
    assert (outcome.subprotocol, outcome.received) == ("echo", ["hi"])


def test_no_subprotocol_is_chosen_for_the_app(client: Client, url: str) -> None:
    """Python connects where the handler names no subprotocol; Node and browsers give up."""
    outcome = client.visit(Visit(url, says=(Say("hi"),), answers=1, subprotocols=("other",)))
    if client.name == "websockets":
        assert (outcome.subprotocol, outcome.received) == (None, ["hi"])
    else:
        assert (outcome.received, outcome.code) == ([], ABNORMAL)
        assert "protocol" in outcome.complaint.lower()


@pytest.mark.parametrize("client", ["websockets", "ws"], indirect=True)
def test_a_message_may_come_in_frames(client: Client, url: str) -> None:
    """A message of 128 KB is heard as one, and a byte more ends the connection.

    No browser lets a page choose the frames of a message.
    """
    text = "x" * 4 * FRAME
    outcome = client.visit(Visit(url, says=(Say(text, fragments=4),), answers=1))
    assert outcome.received == [text]
    outcome = client.visit(Visit(url, says=(Say(text + "x", fragments=5),)))
    assert (outcome.received, outcome.code) == ([], 1009)
