"""Messages: where they go, what comes back, and what a client must not send."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conformance.stage import Stage


@pytest.mark.parametrize("text", ["not JSON", '{"action": "join"}', "[1]", "Grüße 👋"])
def test_any_other_text_goes_to_default(stage: Stage, text: str) -> None:
    """Texts that select no route, or are not JSON, go to `$default`."""
    observer, visitor = stage.visit(), stage.visit()
    visitor_id = visitor.id
    visitor.socket.send(text)

    def seen() -> list[Any]:
        events = observer.recall(visitor_id, "MESSAGE")
        return [event["requestContext"]["routeKey"] for event in events if event["body"] == text]

    wait_until(lambda: seen() == ["$default"])


def test_exception_is_an_error_frame(stage: Stage) -> None:
    """A handler that raises makes an error frame, with AWS's own spacing and the event's ids."""
    observer, visitor = stage.visit(), stage.visit()
    visitor.tell("raise")
    frame = visitor.text()
    events = observer.recall(visitor.id, "MESSAGE")
    raising = next(event for event in events if json.loads(event["body"])["do"] == "raise")
    context = raising["requestContext"]
    assert frame == (
        f'{{"message": "Internal server error", "connectionId":"{context["connectionId"]}", '
        f'"requestId":"{context["requestId"]}"}}'
    )


@pytest.mark.parametrize("status", [301, 401, 501])
def test_bad_status_of_a_message_is_silent(stage: Stage, status: int) -> None:
    """A message handler's status, whatever it is, sends nothing and leaves the socket open."""
    visitor = stage.visit()
    visitor.ask("show", **{"return": {"statusCode": status}})
    visitor.ask("show")
    assert visitor.unread() == []


def test_returned_body_is_dropped(stage: Stage) -> None:
    """Chalice makes no route response, so the body that a message handler returns is not sent."""
    visitor = stage.visit()
    visitor.ask("show", **{"return": {"statusCode": 200, "body": "returned"}})
    visitor.ask("show")
    assert visitor.unread() == []


def test_messages_of_one_connection_run_side_by_side(stage: Stage) -> None:
    """Two messages are two invocations at the same time; inferred, AWS documents no order."""
    visitor, place = stage.visit(), uuid.uuid4().hex
    meetings = [visitor.tell("meet", at=place, number=2, seconds=3) for _ in range(2)]
    assert [visitor.answer(meeting) for meeting in meetings] == [2, 2]


def test_slow_handler_is_timed_out(hurried: Stage) -> None:
    """The gateway's timeout makes an error frame, and the handler goes on."""
    visitor, other, place = hurried.visit(), hurried.visit(), uuid.uuid4().hex
    seconds = hurried.quotas.integration_seconds + 20
    waiting = visitor.tell("meet", at=place, number=2, seconds=seconds)
    frame = json.loads(visitor.socket.recv(timeout=seconds))
    assert frame["message"] == "Endpoint request timed out"
    other.ask("meet", at=place, number=2, seconds=0)
    assert visitor.answer(waiting) == 2


def test_binary_frame_closes_with_1003(stage: Stage) -> None:
    """A binary frame is not supported."""
    observer, visitor = stage.visit(), stage.visit()
    visitor_id = visitor.id
    assert visitor.close_code_for(b"bytes") == 1003
    ending = observer.expect(visitor_id, "DISCONNECT")
    assert ending["requestContext"]["disconnectStatusCode"] == 1003


def test_frame_of_32_kb_passes_and_no_more(stage: Stage) -> None:
    """A frame of 32 KB is a message, one byte more closes with 1009."""
    visitor = stage.visit()
    visitor.socket.send(padded("measure", 32_768))
    assert visitor.answer("padded") == 32_768
    assert visitor.close_code_for(padded("measure", 32_769)) == 1009


def test_message_of_128_kb_passes_and_no_more(stage: Stage) -> None:
    """A message of 128 KB, in frames of 32 KB, passes; one byte more closes with 1009."""
    visitor = stage.visit()
    text = padded("measure", 131_072)
    frames = [text[start : start + 32_768] for start in range(0, len(text), 32_768)]
    visitor.socket.send(frames)
    assert visitor.answer("padded") == 131_072
    assert visitor.close_code_for([*frames, " "]) == 1009


def padded(do: str, length: int) -> str:
    """A command in so many bytes; its answer's reference is "padded"."""
    return json.dumps({"do": do, "ask": "padded"}).ljust(length)
