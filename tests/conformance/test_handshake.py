"""The upgrade: `$connect` decides, over HTTP, before any socket opens."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from tests.conformance.stage import Stage


def returning(value: Any) -> dict[str, Any]:
    """The command that makes `$connect` return a value."""
    return {"return": value}


def test_connect_finishes_before_the_socket_opens(stage: Stage) -> None:
    """The client waits while `$connect` runs, and is connected after it."""
    label, place = uuid.uuid4().hex, uuid.uuid4().hex
    observer = stage.visit()
    meeting = {"do": "meet", "at": place, "number": 2, "seconds": 20}
    with ThreadPoolExecutor(1) as executor:
        opening = executor.submit(stage.visit, meeting, label=label)
        observer.expect(label, "CONNECT")
        assert not opening.done()
        assert observer.ask("meet", at=place, number=2, seconds=20) == 2
        assert opening.result().ask("show")["body"]


@pytest.mark.parametrize("status", [200, 201])
def test_success_opens(stage: Stage, status: int) -> None:
    """A 2xx of `$connect` opens the socket."""
    visitor = stage.visit(returning({"statusCode": status}))
    assert visitor.ask("show")["requestContext"]["eventType"] == "MESSAGE"


@pytest.mark.parametrize("status", [301, 400, 401, 501])
def test_refusal_passes_the_status_but_not_the_body(stage: Stage, status: int) -> None:
    """Any other status becomes the HTTP status; the function's body and headers do not show."""
    response = stage.refusal(
        returning({"statusCode": status, "body": "secret", "headers": {"x-secret": "secret"}})
    )
    assert response.status_code == status
    assert b"secret" not in response.serialize()


def test_exception_gives_502(stage: Stage) -> None:
    """A `$connect` that raises is a bad gateway."""
    assert stage.refusal({"do": "raise"}).status_code == 502


@pytest.mark.parametrize("status", [None, "soon", [200]])
def test_result_without_a_status_gives_502(stage: Stage, status: Any) -> None:
    """A result without a usable statusCode is a bad gateway; inferred, AWS documents nothing."""
    assert stage.refusal(returning({"statusCode": status})).status_code == 502


def test_subprotocol_comes_from_the_handler(stage: Stage) -> None:
    """Of the subprotocols that a client offers, the handler's is selected."""
    command = returning({"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v2"}})
    visitor = stage.visit(command, subprotocols=[Subprotocol("v1"), Subprotocol("v2")])
    assert visitor.socket.subprotocol == "v2"


def test_no_subprotocol_unless_the_handler_selects_one(stage: Stage) -> None:
    """A handler that names no subprotocol selects none, whatever the client offers."""
    visitor = stage.visit(subprotocols=[Subprotocol("v1")])
    assert visitor.socket.subprotocol is None


def test_slash_after_the_stage_is_the_stage(stage: Stage) -> None:
    """The URL as Chalice prints it, with a slash at its end, leads to the stage."""
    assert stage.visit(path="/").ask("show")["requestContext"]["eventType"] == "MESSAGE"


@pytest.mark.parametrize("path", ["/room", "-other"])
def test_other_paths_are_forbidden(stage: Stage, path: str) -> None:
    """Only the stage's own path can be connected to."""
    assert stage.refusal(path=path).status_code == 403


def test_refused_connection_has_no_disconnect(stage: Stage) -> None:
    """A refusal is not followed by `$disconnect`."""
    label = uuid.uuid4().hex
    stage.refusal(returning({"statusCode": 403}), label=label)
    observer, other = stage.visit(), stage.visit()
    refused = observer.expect(label, "CONNECT")["requestContext"]["connectionId"]
    other_id = other.id
    other.socket.close()
    observer.expect(other_id, "DISCONNECT")
    assert observer.recall(refused, "DISCONNECT") == []


def test_post_before_connect_has_returned_is_gone(stage: Stage) -> None:
    """While `$connect` runs there is no connection to post to."""
    label, place = uuid.uuid4().hex, uuid.uuid4().hex
    observer = stage.visit()
    meeting = {"do": "meet", "at": place, "number": 2, "seconds": 20}
    with ThreadPoolExecutor(1) as executor:
        opening = executor.submit(stage.visit, meeting, label=label)
        early = observer.expect(label, "CONNECT")["requestContext"]["connectionId"]
        report = observer.post(early, b"too early")
        assert (report["status"], report["raised"]) == (410, "GoneException")
        observer.ask("meet", at=place, number=2, seconds=20)
        visitor = opening.result()
    assert observer.post(early, b"in time")["status"] == 200
    assert visitor.text() == "in time"


def test_post_of_connect_to_its_own_connection_is_gone(stage: Stage) -> None:
    """A `$connect` that greets its client meets a GoneException, and nothing arrives later."""
    visitor = stage.visit({"do": "post", "base64": "aGVsbG8="})
    report = visitor.recall(visitor.id, "ANSWER")[0]["value"]
    assert (report["status"], report["raised"]) == (410, "GoneException")
    assert visitor.unread() == []
