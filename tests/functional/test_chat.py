"""A chat through the four functions, as API Gateway and SQS drive them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.adapters import telemetry
from chalicelib.core.protocol import MESSAGE_LIMIT
from tests.support import resources

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
CAT = "PJqD2fHsqRcCHlw="

HI = {"action": "message", "message": "hi", "type": "chat"}


def table() -> list[dict[str, Any]]:
    """Every item in the table."""
    return resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]


def members() -> int:
    """Number of members of the lobby."""
    return len([item for item in table() if item["sk"]["S"].startswith("M#")])


def frames(connections: Connections, connection_id: str) -> list[Any]:
    """Frames that a connection received, read as JSON."""
    return [json.loads(frame) for frame in connections.received[connection_id]]


def test_connect_keeps_who_is_there(lambdas: Lambdas) -> None:
    """The table holds the connection with name, user, time and expiry."""
    assert lambdas.connect(ADA, {"username": "Ada"}) == {"statusCode": 200}
    items = {(item["pk"]["S"], item["sk"]["S"][:2]): item for item in table()}
    connection = items[f"C#{ADA}", "C"]
    user = f"U#{connection['user_id']['S']}"
    assert set(items) == {
        (f"C#{ADA}", "C"),
        (f"C#{ADA}", "R#"),
        (user, "C#"),
        ("M#00000ffff#lobby", "M#"),
        ("R#lobby", "H"),
    }
    assert connection["username"] == {"S": "Ada"}
    assert len(connection["user_id"]["S"]) == 36
    assert connection["connected_at"] == {"N": str(lambdas.connected_at)}
    assert connection["expires_at"] == {"N": str(lambdas.connected_at // 1000 + 2 * 3600 + 600)}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (None, "Anonymous"),
        ({"username": ""}, "Anonymous"),
        ({"username": " \t\u202e\u0000 "}, "Anonymous"),
        ({"username": "  Ada\nLovelace "}, "Ada Lovelace"),
        ({"username": "x" * 100}, "x" * 40),
        ({"username": "Zoë 🎺"}, "Zoë 🎺"),
    ],
)
def test_a_name_is_made_fit_to_show(
    lambdas: Lambdas, query: dict[str, str] | None, name: str
) -> None:
    """A missing name is Anonymous, and no name breaks a line, hides, or grows without end."""
    lambdas.connect(ADA, query)
    assert {item["username"]["S"] for item in table() if "username" in item} == {name}


def test_a_message_reaches_everyone_but_its_sender(
    lambdas: Lambdas, connections: Connections
) -> None:
    """Each other member gets the message once, with who said it and when."""
    for connection_id, name in ((ADA, "Ada"), (BOB, "Bob"), (CAT, "Cat")):
        lambdas.connect(connection_id, {"username": name})
    assert lambdas.message(ADA, HI) == {"statusCode": 200}
    lambdas.broadcast()
    assert frames(connections, ADA) == []
    assert frames(connections, BOB) == frames(connections, CAT)
    [frame] = frames(connections, BOB)
    user_id = frame["data"].pop("userId")
    timestamp = frame["data"].pop("timestamp")
    assert frame == {
        "type": "message",
        "data": {
            "type": "chat",
            "message": "hi",
            "username": "Ada",
            "senderConnectionId": ADA,
        },
    }
    assert len(user_id) == 36
    assert timestamp.endswith("Z")


def test_messages_keep_their_order(lambdas: Lambdas, connections: Connections) -> None:
    """Receivers see one sender's messages in the order they were sent."""
    lambdas.connect(ADA)
    lambdas.connect(BOB)
    for number in range(10):
        lambdas.message(ADA, {"action": "message", "message": str(number)})
    lambdas.broadcast()
    assert [frame["data"]["message"] for frame in frames(connections, BOB)] == list("0123456789")


def test_the_job_carries_the_api_and_stage_of_the_sender(lambdas: Lambdas) -> None:
    """A broadcast learns from its job where to post an ack to a sender that has left."""
    lambdas.connect(ADA)
    lambdas.message(ADA, HI)
    [job] = lambdas.queued_messages()
    assert job["message"]["origin"] == {"api_id": "a1b2c3d4e5", "stage": "api"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("not json", "bad_json"),
        ("", "bad_json"),
        ({"action": "message", "message": 7}, "bad_frame"),
        ({"action": "message", "message": "hi", "type": "shout"}, "bad_frame"),
        ({"message": "hi"}, "bad_frame"),
        ({"action": "dance"}, "unknown_action"),
        ({"action": "message", "message": "x" * (MESSAGE_LIMIT + 1)}, "too_large"),
    ],
)
def test_a_bad_frame_is_answered_with_its_code(
    lambdas: Lambdas, connections: Connections, body: object, code: str
) -> None:
    """The sender gets a coded error, nobody else anything, and the gateway no exception."""
    lambdas.connect(ADA)
    lambdas.connect(BOB)
    assert lambdas.message(ADA, body) == {"statusCode": 200}
    [frame] = frames(connections, ADA)
    assert (frame["type"], frame["code"], frame["retry"]) == ("error", code, "never")
    assert frame["message"].endswith(".")
    assert lambdas.queued_messages() == []
    assert frames(connections, BOB) == []


def test_an_unknown_connection_is_told_to_connect_again(
    lambdas: Lambdas, connections: Connections
) -> None:
    """A sender that the table doesn't know gets an error, and nothing is queued."""
    assert lambdas.message(ADA, HI) == {"statusCode": 200}
    [frame] = frames(connections, ADA)
    assert frame["code"] == "unknown_connection"
    assert lambdas.queued_messages() == []


def test_a_sender_that_is_gone_harms_nothing(lambdas: Lambdas, connections: Connections) -> None:
    """An error frame that can't be delivered is not an error of the function."""
    connections.ill[ADA] = HTTPStatus.GONE
    assert lambdas.message(ADA, "not json") == {"statusCode": 200}


def test_an_unreachable_table_is_told_not_raised(
    lambdas: Lambdas, connections: Connections
) -> None:
    """With an unreadable table the sender is asked to send again, and connecting is refused."""
    lambdas.connect(ADA)
    resources.client("dynamodb").delete_table(TableName=resources.TABLE)
    assert lambdas.message(ADA, HI) == {"statusCode": 200}
    [frame] = frames(connections, ADA)
    assert frame["code"] == "unavailable"
    assert lambdas.connect(BOB) == {"statusCode": 503}


def test_a_gone_connection_is_forgotten(lambdas: Lambdas, connections: Connections) -> None:
    """After a 410 nothing of that connection is left, and the others are untouched."""
    for connection_id in (ADA, BOB, CAT):
        lambdas.connect(connection_id)
    connections.ill[BOB] = HTTPStatus.GONE
    lambdas.message(ADA, HI)
    lambdas.broadcast()
    assert len(frames(connections, CAT)) == 1
    assert not [item for item in table() if BOB in item["pk"]["S"] + item["sk"]["S"]]
    assert members() == 2


def test_disconnect_leaves_nothing_behind(lambdas: Lambdas, connections: Connections) -> None:
    """A closed connection gets no more messages, and its items are gone."""
    lambdas.connect(ADA)
    lambdas.connect(BOB)
    lambdas.disconnect(BOB)
    lambdas.message(ADA, HI)
    lambdas.broadcast()
    assert frames(connections, BOB) == []
    assert members() == 1
    lambdas.disconnect(ADA)
    assert {item["sk"]["S"][:2] for item in table()} == {"H", "S#", "K"}


def test_no_log_line_holds_what_was_said(
    lambdas: Lambdas, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each invocation logs one line with its counts, and never the text."""
    lambdas.connect(ADA)
    lambdas.message(ADA, {"action": "message", "message": "a secret"})
    lambdas.broadcast()
    lambdas.disconnect(ADA)
    lines = [vars(record) for record in caplog.records if record.name == telemetry.logger.name]
    assert [line["function"] for line in lines] == ["connect", "message", "broadcast", "disconnect"]
    assert all(line["duration_ms"] >= 0 for line in lines)
    assert lines[2]["records"] == 2
    assert lines[3]["close_code"] == 1005
    assert "a secret" not in str(lines) + capsys.readouterr().out
