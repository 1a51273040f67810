"""A client's frame that selects a route which the gateway itself calls."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.protocol import SUBPROTOCOL
from tests.functional.conftest import EVENTS
from tests.support import resources

if TYPE_CHECKING:
    from chalice.test import Client

    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
KINDS = {"on_ws_connect": "connect", "on_ws_message": "message", "on_ws_disconnect": "disconnect"}
MISROUTED = [(name, kind) for name, kind in product(KINDS, KINDS.values()) if KINDS[name] != kind]


def table() -> list[dict[str, Any]]:
    """Every item in the table, in the order of its key."""
    items = resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


@pytest.mark.parametrize("subprotocols", [None, SUBPROTOCOL])
@pytest.mark.parametrize(("handler", "kind"), MISROUTED)
def test_an_event_of_another_kind_does_nothing(
    client: Client,
    lambdas: Lambdas,
    connections: Connections,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    handler: str,
    kind: str,
    subprotocols: str | None,
) -> None:
    """Nobody is let in anew or forgotten, nothing is said or queued, and the refusal is counted."""
    lambdas.connect(ADA, {"username": "Ada"}, subprotocols)
    lambdas.message(ADA, {"action": "join", "room": "tea"})
    lambdas.broadcast()
    before, heard = table(), list(connections.received[ADA])
    capsys.readouterr()

    event = json.loads((EVENTS / f"{kind}.json").read_text())
    event["requestContext"]["connectionId"] = ADA
    event["body"] = json.dumps({"action": f"${KINDS[handler]}", "message": "secret"})
    answer = client.lambda_.invoke(handler, event).payload

    assert answer["statusCode"] == (400 if handler == "on_ws_connect" else 200)
    assert table() == before
    assert lambdas.queued() == []
    assert connections.received[ADA] == heard
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = [line for line in lines if "FramesRefused" in line]
    assert [(line["FramesRefused"], line["code"]) for line in metrics] == [
        ([1.0], "unknown_action")
    ]
    assert not any("ConnectionsOpened" in line or "ConnectionsClosed" in line for line in lines)
    told = vars(caplog.records[-1])
    assert f"{kind.upper()} event" in told["reason"]
    assert "secret" not in str(told)


def test_who_selected_disconnect_is_still_there(
    client: Client, lambdas: Lambdas, connections: Connections
) -> None:
    """A member that sends such a frame goes on hearing its room."""
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id)
    event = json.loads((EVENTS / "message.json").read_text())
    event["requestContext"]["connectionId"] = ADA
    client.lambda_.invoke("on_ws_disconnect", event)
    lambdas.message(BOB, {"action": "message", "message": "hi", "type": "chat"})
    lambdas.broadcast()
    assert b"hi" in connections.received[ADA][-1]
