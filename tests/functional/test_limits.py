"""Limits, through the functions as the gateway drives them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib import container
from chalicelib.core.protocol import SUBPROTOCOL
from tests.support import resources

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
CAT = "PJqD2fHsqRcCHlw="
SESSION = {"session": "session-of-ada---"}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Settings, and the means to make more before a container begins."""
    monkeypatch.setenv("FANFARE_FRAMES_PER_SECOND", "0.1")
    monkeypatch.setenv("FANFARE_JOINS_PER_SECOND", "0.1")
    monkeypatch.setenv("FANFARE_BURST_SECONDS", "50")
    monkeypatch.setenv("FANFARE_ABUSE_SECONDS", "100")
    return monkeypatch


@pytest.fixture
def ada(settings: pytest.MonkeyPatch, lambdas: Lambdas) -> str:
    """A member of the room `tea`, who may send five frames at once and one every ten seconds."""
    del settings
    with container.fresh():
        lambdas.connect(ADA, SESSION, SUBPROTOCOL)
        lambdas.message(ADA, {"action": "join", "room": "tea"})
    return ADA


def answers(connections: Connections, connection_id: str) -> list[Any]:
    """Take what a connection has received."""
    return [json.loads(frame) for frame in connections.received.pop(connection_id, [])]


def say(lambdas: Lambdas, connection_id: str, count: int) -> None:
    """Say the same some times."""
    for _ in range(count):
        frame = {"action": "message", "room": "tea", "message": "hi"}
        assert lambdas.message(connection_id, frame) == {"statusCode": 200}


def test_a_flood_never_reaches_the_queue(
    ada: str, lambdas: Lambdas, connections: Connections
) -> None:
    """A frame too many is answered once, with the time to go on, and the room never hears of it."""
    say(lambdas, ada, 4)
    lambdas.broadcast()
    answers(connections, ada)
    say(lambdas, ada, 4)
    assert lambdas.queued_messages() == []
    [refusal] = answers(connections, ada)
    assert (refusal["code"], refusal["retry"]) == ("slow_down", "later")
    assert (refusal["action"], refusal["room"]) == ("message", "tea")
    assert 10 < refusal["retryAfter"] <= 20


def test_frames_that_can_t_be_read_are_no_cheaper(
    ada: str, lambdas: Lambdas, connections: Connections
) -> None:
    """Nonsense is answered as far as it is paid for."""
    answers(connections, ada)
    for _ in range(8):
        lambdas.message(ada, "nonsense")
    codes = [answer["code"] for answer in answers(connections, ada)]
    assert codes == ["bad_json"] * 4 + ["slow_down"]


def test_who_does_not_heed_is_closed_and_forgotten(
    ada: str, lambdas: Lambdas, connections: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is closed by DeleteConnection, and its user has to wait."""
    monkeypatch.setenv("FANFARE_ABUSE_SECONDS", "1")
    with container.fresh():
        say(lambdas, ada, 5)
    [closing] = [one for one in connections.requests if one.method == "DELETE"]
    assert closing.connection_id == ada
    assert answers(connections, ada)[-1]["retryAfter"] == 60
    keys = {
        (item["pk"]["S"][:2], item["sk"]["S"][:1])
        for item in resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]
    }
    assert keys == {("U#", "T"), ("R#", "H")}
    assert lambdas.connect(BOB, SESSION, SUBPROTOCOL) == {"statusCode": 429}
    assert lambdas.connect(CAT, None, SUBPROTOCOL)["statusCode"] == 200


def test_a_user_has_so_many_connections(
    settings: pytest.MonkeyPatch, lambdas: Lambdas, connections: Connections
) -> None:
    """The handshake of one too many answers 429, and keeps nothing."""
    settings.setenv("FANFARE_CONNECTIONS_PER_USER", "1")
    lambdas.begin_anew()
    connections.info = json.dumps(
        {
            "connectedAt": "2026-11-24T09:30:00Z",
            "lastActiveAt": "2026-11-24T09:30:00Z",
            "identity": {"sourceIp": "127.0.0.1"},
        }
    ).encode()
    assert lambdas.connect(ADA, SESSION, SUBPROTOCOL)["statusCode"] == 200
    assert lambdas.connect(BOB, SESSION, SUBPROTOCOL) == {"statusCode": 429}
    assert lambdas.connect(CAT, None, SUBPROTOCOL)["statusCode"] == 200
    lambdas.disconnect(ADA)
    assert lambdas.connect(BOB, SESSION, SUBPROTOCOL)["statusCode"] == 200


def test_every_limit_can_be_set(
    settings: pytest.MonkeyPatch, lambdas: Lambdas, connections: Connections
) -> None:
    """Lower settings hold in the functions, each with its code."""
    settings.setenv("FANFARE_FRAMES_PER_SECOND", "100")
    settings.setenv("FANFARE_JOINS_PER_SECOND", "100")
    settings.setenv("FANFARE_NAME_LENGTH", "3")
    settings.setenv("FANFARE_MESSAGE_BYTES", "10")
    settings.setenv("FANFARE_ROOM_NAME_LENGTH", "8")
    settings.setenv("FANFARE_ROOMS_PER_CONNECTION", "1")
    settings.setenv("FANFARE_PAGE", "2")
    settings.setenv("FANFARE_JSON_DEPTH", "4")
    settings.setenv("FANFARE_JSON_KEYS", "16")
    lambdas.begin_anew()
    lambdas.connect(ADA, SESSION | {"username": "Ada Lovelace"}, SUBPROTOCOL)

    def answer(**frame: object) -> Any:
        answers(connections, ADA)
        lambdas.message(ADA, frame)
        [only] = answers(connections, ADA)
        return only

    assert answer(action="join", room="tea")["you"]["username"] == "Ada"
    say(lambdas, ADA, 3)
    lambdas.broadcast()
    page = answer(action="history", room="tea", limit=3)
    assert ([one["seq"] for one in page["messages"]], page["more"]) == ([2, 3], True)
    epoch = page["epoch"]
    missed = answer(action="join", room="tea", since=0, epoch=epoch)
    assert ([one["seq"] for one in missed["messages"]], missed["reason"]) == ([1, 2], "more")
    codes = [
        answer(action="message", room="tea", message="x" * 11)["code"],
        answer(action="join", room="tea house")["code"],
        answer(action="join", room="coffee")["code"],
        answer(action="signal", room="tea", data=[[[[1]]]])["code"],
        answer(action="signal", room="tea", data=dict.fromkeys("abcdefghijklmnop", 1))["code"],
    ]
    assert codes == ["too_large", "bad_room", "too_many_rooms", "bad_frame", "bad_frame"]


def test_with_a_rate_for_users_another_connection_is_no_way_around(
    settings: pytest.MonkeyPatch, lambdas: Lambdas, connections: Connections
) -> None:
    """Two connections of a user share one rate."""
    settings.setenv("FANFARE_USER_FRAMES_PER_SECOND", "0.1")
    lambdas.begin_anew()
    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, SESSION, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    say(lambdas, ADA, 3)
    say(lambdas, BOB, 2)
    assert len(lambdas.queued_messages()) == 3
    assert answers(connections, BOB)[-1]["code"] == "slow_down"
