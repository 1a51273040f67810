"""Ends of connections: by the client, or because they are idle or old."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from tests.conformance.stage import Stage, Visitor

PATIENCE_SECONDS = 30.0
"""Seconds by which a gateway may exceed its quota."""


@pytest.mark.parametrize(
    ("sent", "code", "reason"),
    [
        (b"", 1005, "Client-side close frame status not set"),
        (b"\x03\xe9", 1001, ""),
    ],
    ids=["without a code", "going away"],
)
def test_close_of_a_client_is_reported(stage: Stage, sent: bytes, code: int, reason: str) -> None:
    """`$disconnect` has the client's code and reason, or 1005 with the gateway's words."""
    observer, visitor = stage.visit(), stage.visit()
    visitor_id = visitor.id
    visitor.socket.socket.sendall(bytes([0x88, 0x80 | len(sent), 0, 0, 0, 0]) + sent)
    context = observer.expect(visitor_id, "DISCONNECT")["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (code, reason)


def test_idle_connection_closes_with_1001(hurried: Stage) -> None:
    """A connection without a message either way, pings or not, is closed."""
    visitor = hurried.visit(ping_interval=min(20, hurried.quotas.idle_seconds / 10))
    visitor.ask("show")
    quiet_since = time.monotonic()
    assert visitor.close_code(hurried.quotas.idle_seconds + PATIENCE_SECONDS) == 1001
    assert time.monotonic() - quiet_since > hurried.quotas.idle_seconds * 0.8


def test_old_connection_closes_with_1001(hurried: Stage) -> None:
    """Even a busy connection ends when its time has come."""
    lifetime = hurried.quotas.lifetime_seconds
    started = time.monotonic()
    visitor = hurried.visit()
    with pytest.raises(ConnectionClosed) as closed:
        stay_busy(visitor, hurried.quotas.idle_seconds / 2, started + lifetime + PATIENCE_SECONDS)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert time.monotonic() - started > lifetime * 0.8


def stay_busy(visitor: Visitor, interval: float, deadline: float) -> None:
    """Say something at every interval."""
    while time.monotonic() < deadline:
        visitor.socket.send("not idle")
        with suppress(TimeoutError):
            visitor.socket.recv(timeout=interval)
