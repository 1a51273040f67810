"""What a message costs: every AWS call that the functions make, counted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import wiring
from chalicelib.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.connections import Connections
    from tests.functional.conftest import Lambdas

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="


@pytest.fixture
def calls(lambdas: Lambdas) -> Callable[[], Counter[str]]:
    """Two members of the room `tea`, and a function that takes the calls since the last time."""
    count: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:
        count[model.name] += 1

    graph = wiring.graph()
    for client in (graph.dynamodb, graph.sqs):
        client.meta.events.register("before-call", note)

    def take() -> Counter[str]:
        taken = Counter(count)
        count.clear()
        return taken

    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "the first"})
    lambdas.broadcast()
    take()
    return take


def test_accepting_a_message_takes_two_calls(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """One charges the connection and reads it, and one queues the message."""
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
    assert calls() == {"UpdateItem": 1, "SendMessage": 1}


def test_letting_somebody_in_takes_two_calls(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """One reads what the user has open, and one writes the connection and its entry there."""
    lambdas.connect("PJqD2fHsqRcCHlw=", None, SUBPROTOCOL)
    assert calls() == {"Query": 1, "BatchWriteItem": 1}


def test_a_batch_takes_three_calls_while_nobody_comes_or_goes(
    lambdas: Lambdas, connections: Connections, calls: Callable[[], Counter[str]]
) -> None:
    """Ten messages are numbered with one read, one write of history and one of the head.

    No member is read: the version is unchanged.
    """
    for number in range(10):
        lambdas.message(ADA, {"action": "message", "room": "tea", "message": str(number)})
    calls()
    connections.received.clear()
    lambdas.invoke_broadcast(lambdas.queued())
    assert calls() == {"BatchGetItem": 1, "BatchWriteItem": 1, "UpdateItem": 1}
    assert len(connections.received[BOB]) == 1


def test_members_are_read_again_only_after_somebody_has_come(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """A join changes the version: the next batch reads the members, the one after does not."""
    lambdas.connect("PJqD2fHsqRcCHlw=", None, SUBPROTOCOL)
    lambdas.message("PJqD2fHsqRcCHlw=", {"action": "join", "room": "tea"})
    calls()
    queries = []
    for _ in range(2):
        lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
        lambdas.invoke_broadcast(lambdas.queued())
        queries.append(calls()["Query"])
    assert queries == [1, 0]


def test_nothing_is_ever_scanned(lambdas: Lambdas, calls: Callable[[], Counter[str]]) -> None:
    """Every action and a disconnect, and no Scan among their calls."""
    for frame in (
        {"action": "join", "room": "tea"},
        {"action": "message", "room": "tea", "message": "hi", "id": "1"},
        {"action": "message", "room": "tea", "message": "hi", "id": "1", "resend": True},
        {"action": "history", "room": "tea"},
        {"action": "signal", "room": "tea", "data": 1},
        {"action": "who", "room": "tea"},
        {"action": "ping"},
        {"action": "leave", "room": "tea"},
    ):
        lambdas.message(ADA, frame)
        lambdas.broadcast()
    lambdas.disconnect(ADA)
    lambdas.broadcast()
    assert "Scan" not in calls()


def test_resuming_from_another_epoch_reads_no_history(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """Nothing of another epoch can be given, so a made-up one costs no reading of the room.

    What is read is whether its user is banned, before joining and after it.
    """
    queries = []
    for since in ({}, {"since": 0, "epoch": "made-up"}):
        lambdas.message(ADA, {"action": "join", "room": "tea", **since})
        queries.append(calls()["Query"])
    assert queries == [2, 2]
