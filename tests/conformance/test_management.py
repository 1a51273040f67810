"""`@connections`, as a function of the app meets it, through botocore."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.stage import Stage

UNKNOWN = "AAAAAAAAAAAAAAA="
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_post_answers_200_and_nothing(stage: Stage) -> None:
    """A post arrives as a text, and its answer has no body."""
    actor, subject = stage.visit(), stage.visit()
    report = actor.post(subject.id, "Grüße".encode())
    assert subject.text() == "Grüße"
    assert (report["status"], report["raised"], report["body"]) == (200, None, "")
    assert report["headers"]["content-length"] == "0"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\xffb", "a\ufffdb"),
        (b"a\xed\xa0\x80b", "a\ufffdb"),
        (b"\xc3", "\ufffd"),
        (b"\xed\xa0\xbd\xed\xb8\x80", "\ufffd\ufffd"),
    ],
)
def test_bad_utf8_arrives_as_replacement_characters(stage: Stage, data: bytes, text: str) -> None:
    """Clients get only text: what is not UTF-8 becomes U+FFFD, one for a surrogate."""
    actor, subject = stage.visit(), stage.visit()
    actor.post(subject.id, data)
    assert subject.text() == text


def test_post_of_128_kb_passes_and_no_more(stage: Stage) -> None:
    """128 KB arrive, one byte more is refused as too large."""
    actor, subject = stage.visit(), stage.visit()
    assert actor.post(subject.id, b"x", times=131_072)["status"] == 200
    assert len(subject.text()) == 131_072
    report = actor.post(subject.id, b"x", times=131_073)
    assert (report["status"], report["raised"]) == (413, "PayloadTooLargeException")


def test_get_describes_the_connection(stage: Stage) -> None:
    """The description has lower-case keys and ISO times."""
    actor = stage.visit()
    subject = stage.visit(user_agent_header="tester/1")
    report = actor.ask("get", connection=subject.id)
    assert (report["status"], report["raised"]) == (200, None)
    description = json.loads(report["body"])
    assert set(description) == {"connectedAt", "identity", "lastActiveAt"}
    assert set(description["identity"]) == {"sourceIp", "userAgent"}
    assert description["identity"]["userAgent"] == "tester/1"
    assert TIME.fullmatch(description["connectedAt"])
    assert TIME.fullmatch(description["lastActiveAt"])


def test_delete_closes_with_1000(stage: Stage) -> None:
    """A deleted connection closes normally, and `$disconnect` runs with the gateway's reason."""
    actor, subject = stage.visit(), stage.visit()
    subject_id = subject.id
    report = actor.ask("delete", connection=subject_id)
    assert (report["status"], report["body"]) == (204, "")
    assert subject.close_code() == 1000
    context = actor.expect(subject_id, "DISCONNECT")["requestContext"]
    assert context["disconnectStatusCode"] == 1000
    assert context["disconnectReason"] == "Connection Closed Normally"


@pytest.mark.parametrize("operation", ["post", "get", "delete"])
def test_unknown_connection_is_gone(stage: Stage, operation: str) -> None:
    """A well-formed id without a connection raises GoneException; the answer has no body."""
    report = stage.visit().ask(operation, connection=UNKNOWN, base64="")
    assert (report["status"], report["raised"]) == (410, "GoneException")
    assert report["headers"]["x-amzn-errortype"].startswith("GoneException")
    assert report["body"] == ""


def test_closed_connection_is_gone(stage: Stage) -> None:
    """Once `$disconnect` has run, nothing can be posted any more."""
    actor, subject = stage.visit(), stage.visit()
    subject_id = subject.id
    subject.socket.close()
    actor.expect(subject_id, "DISCONNECT")
    assert actor.post(subject_id, b"late")["raised"] == "GoneException"


def test_malformed_id_is_a_bad_request(stage: Stage) -> None:
    """An id of another form is refused, and named."""
    report = stage.visit().post("short", b"hello")
    assert report["status"] == 400
    assert report["error"] == {
        "Code": "BadRequestException",
        "Message": "Invalid connectionId: short",
    }


@pytest.mark.parametrize("other", ["", "other"])
def test_other_stage_is_forbidden(stage: Stage, other: str) -> None:
    """Without the stage in its path, or with another, a post is forbidden."""
    visitor = stage.visit()
    report = visitor.post(visitor.id, b"hello", stage=other)
    assert (report["status"], report["raised"]) == (403, "ForbiddenException")


def test_unsigned_call_is_forbidden(stage: Stage) -> None:
    """Nobody posts without a signature."""
    visitor = stage.visit()
    request = urllib.request.Request(stage.connections_url(visitor.id), b"hello")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()
    assert refused.value.code == 403
    visitor.ask("show")
    assert visitor.unread() == []
