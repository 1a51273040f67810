"""Restored tables, as docs/operations.md describes them: without heads, rooms begin anew."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chalicelib.core.protocol import SUBPROTOCOL
from tests.support import resources

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA, BOB = "PJqB0fHsqRcCHlw=", "PJqC1fHsqRcCHlw="


def test_a_room_without_its_head_begins_a_new_epoch(
    lambdas: Lambdas, connections: Connections
) -> None:
    """The next message is the first of it, and whoever resumes in the old one is told so."""
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "old"})
    lambdas.broadcast()
    old = json.loads(connections.received[BOB][0])["epoch"]
    head = {"pk": {"S": "R#tea"}, "sk": {"S": "H"}}
    resources.client("dynamodb").delete_item(TableName=resources.TABLE, Key=head)
    connections.received.clear()

    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "new"})
    lambdas.broadcast()
    lambdas.message(BOB, {"action": "join", "room": "tea", "since": 1, "epoch": old})
    message, joined = map(json.loads, connections.received[BOB])
    assert (message["seq"], message["data"]["message"]) == (1, "new")
    assert message["epoch"] == joined["epoch"] != old
    assert (joined["recovered"], joined["reason"]) == (False, "epoch")
