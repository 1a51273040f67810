"""Erasing a user, as an application does it from its own code, beside the handlers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from chalicelib import container
from chalicelib.core.history import ERASED
from chalicelib.core.model import UserId
from chalicelib.core.protocol import SUBPROTOCOL

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA, BOB, ADA_AGAIN = "PJqB0fHsqRcCHlw=", "PJqC1fHsqRcCHlw=", "PJqF4fHsqRcCHlw="


class Diary:
    """A room in which Ada has said `mine`, and Bob `his`; then Ada was erased."""

    def __init__(self, lambdas: Lambdas, connections: Connections) -> None:
        self.lambdas = lambdas
        self.connections = connections
        for connection_id, name in ((ADA, "Ada"), (BOB, "Bob")):
            self.come(connection_id, name)
        self.said = self.say(ADA, "mine", "a-1")
        self.say(BOB, "his", "b-1")
        [self.user] = {one["data"]["userId"] for one in self.heard(BOB) if one["type"] == "message"}
        connections.received.clear()
        erasure = container.graph().erasure()
        erasure = replace(erasure, runtime=replace(erasure.runtime, sleep=lambda _: None))
        self.erased = erasure.erase(UserId(self.user))
        lambdas.broadcast()

    def come(self, connection_id: str, name: str) -> None:
        """Connect, and join the room."""
        session = f"session-of-{name.lower()}-0123456789"
        query = {"username": name, "session": session}
        self.lambdas.connect(connection_id, query, SUBPROTOCOL)
        self.lambdas.message(connection_id, {"action": "join", "room": "diary"})

    def say(self, connection_id: str, text: str, id_: str, **more: object) -> list[dict[str, Any]]:
        """Say something, and return the records that were broadcast."""
        frame = {"action": "message", "room": "diary", "message": text, "id": id_, **more}
        self.lambdas.message(connection_id, frame)
        records = self.lambdas.queued()
        if records:
            self.lambdas.invoke_broadcast(records)
        return records

    def heard(self, connection_id: str) -> list[Any]:
        """Frames that a connection has received."""
        frames = [json.loads(body) for body in self.connections.received[connection_id]]
        return [one for frame in frames for one in (frame if isinstance(frame, list) else [frame])]

    def history(self) -> list[tuple[int, str, str, str]]:
        """Numbers, types, texts and names, as Bob reads them."""
        self.connections.received.clear()
        self.lambdas.message(BOB, {"action": "history", "room": "diary"})
        [answer] = [one for one in self.heard(BOB) if one["type"] == "history"]
        return [
            (one["seq"], one["data"]["type"], one["data"]["message"], one["data"]["username"])
            for one in answer["messages"]
        ]


@pytest.fixture
def diary(lambdas: Lambdas, connections: Connections) -> Diary:
    """The room."""
    return Diary(lambdas, connections)


def test_others_read_an_empty_message_under_its_number(diary: Diary) -> None:
    """Of nobody's name, in the form of one that a moderator took away."""
    assert (diary.erased.messages, diary.erased.connections) == (1, {ADA})
    assert diary.history() == [(1, "deleted", "", ERASED), (2, "chat", "his", "Bob")]


def test_the_connection_is_closed_and_forgotten(diary: Diary) -> None:
    """The gateway is asked to end it; what still comes over it is refused, and Bob sees it go."""
    closed = [one.connection_id for one in diary.connections.requests if one.method == "DELETE"]
    assert closed == [ADA]
    [presence] = [one for one in diary.heard(BOB) if one["type"] == "presence"]
    assert [left["username"] for left in presence["left"]] == ["Ada"]
    diary.say(ADA, "still here", "a-2")
    assert [one["code"] for one in diary.heard(ADA)] == ["unknown_connection"]
    assert len(diary.history()) == 2


def test_what_is_sent_again_gets_the_same_ack(diary: Diary) -> None:
    """A user who comes back has the same id, and no second number for an old message."""
    diary.come(ADA_AGAIN, "Ada")
    diary.say(ADA_AGAIN, "mine", "a-1", resend=True)
    [ack] = [one for one in diary.heard(ADA_AGAIN) if one["type"] == "ack"]
    assert (ack["id"], ack["seq"]) == ("a-1", 1)
    assert diary.history() == [(1, "deleted", "", ERASED), (2, "chat", "his", "Bob")]


def test_a_record_that_comes_again_brings_nothing_back(diary: Diary) -> None:
    """It has its number, so it is not written anew."""
    diary.lambdas.invoke_broadcast(diary.said)
    assert diary.history() == [(1, "deleted", "", ERASED), (2, "chat", "his", "Bob")]
