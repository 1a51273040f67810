"""The events: what the handlers of one connection see, field by field."""

from __future__ import annotations

import ipaddress
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.stage import Stage

ID = re.compile(r"[A-Za-z0-9_-]{15}=")
Events = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def events(open_stage: Stage) -> Iterator[Events]:
    """The three events of one connection that a client opens, uses and closes."""
    observer = open_stage.visit()
    visitor = open_stage.visit(user_agent_header="tester/1", origin="https://chat.example")
    message = visitor.ask("show")
    connection_id = message["requestContext"]["connectionId"]
    visitor.socket.close(4001, "bye")
    yield {
        "CONNECT": observer.expect(connection_id, "CONNECT"),
        "MESSAGE": message,
        "DISCONNECT": observer.expect(connection_id, "DISCONNECT"),
    }
    open_stage.close()


def contexts(events: Events) -> list[dict[str, Any]]:
    """The requestContext of each event."""
    return [event["requestContext"] for event in events.values()]


def test_connection_id_looks_like_one_of_aws(events: Events) -> None:
    """The connection id has 16 characters, ends in = and is the same in all events."""
    ids = {context["connectionId"] for context in contexts(events)}
    assert len(ids) == 1
    assert ID.fullmatch(ids.pop())


def test_connect_headers_keep_their_case(events: Events) -> None:
    """Header names come as the client spelt them, without the upgrade's own."""
    event = events["CONNECT"]
    for headers in (event["headers"], event["multiValueHeaders"]):
        assert {"Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Origin"} <= set(headers)
        assert not {"connection", "upgrade", "content-length"} & {name.lower() for name in headers}
    assert event["headers"]["Origin"] == "https://chat.example"
    assert event["multiValueHeaders"]["Origin"] == ["https://chat.example"]


def test_connect_has_the_headers_of_the_gateway(events: Events) -> None:
    """The gateway says from where, over what and under which trace a client came."""
    headers = events["CONNECT"]["headers"]
    assert headers["X-Amzn-Trace-Id"].startswith("Root=1-")
    assert ipaddress.ip_address(headers["X-Forwarded-For"])
    assert (headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == ("443", "https")


def test_query_is_absent_without_one(events: Events) -> None:
    """There is no key for a query that the URL does not have."""
    for event in events.values():
        assert "queryStringParameters" not in event
        assert "multiValueQueryStringParameters" not in event


def test_query_parameters_reach_connect(stage: Stage) -> None:
    """The query is there decoded, once with the last value of each name and once with all."""
    label = uuid.uuid4().hex
    visitor = stage.visit(path=f"?label={label}&a=1&a=%C3%BC%20b&empty=")
    event = visitor.expect(label, "CONNECT")
    assert event["queryStringParameters"] == {"label": label, "a": "ü b", "empty": ""}
    assert event["multiValueQueryStringParameters"]["a"] == ["1", "ü b"]


def test_only_messages_have_a_body(events: Events) -> None:
    """CONNECT and DISCONNECT have no key for a body; none is base64."""
    assert isinstance(events["MESSAGE"]["body"], str)
    assert "body" not in events["CONNECT"]
    assert "body" not in events["DISCONNECT"]
    assert {event["isBase64Encoded"] for event in events.values()} == {False}


def test_request_id_looks_like_one_of_aws(events: Events) -> None:
    """The requestId has 16 characters, is the extendedRequestId too, and new for each event."""
    for context in contexts(events):
        assert ID.fullmatch(context["requestId"])
        assert context["requestId"] == context["extendedRequestId"]
    assert len({context["requestId"] for context in contexts(events)}) == 3


def test_only_messages_have_a_message_id(events: Events) -> None:
    """A message's id is its own; the other events have none."""
    context = events["MESSAGE"]["requestContext"]
    assert ID.fullmatch(context["messageId"])
    assert context["messageId"] not in {context["requestId"], context["connectionId"]}
    assert "messageId" not in events["CONNECT"]["requestContext"]
    assert "messageId" not in events["DISCONNECT"]["requestContext"]


def test_connected_at_stays(events: Events) -> None:
    """All events of a connection tell the same time of its beginning, in milliseconds."""
    times = {context["connectedAt"] for context in contexts(events)}
    assert len(times) == 1
    assert 0 <= events["CONNECT"]["requestContext"]["requestTimeEpoch"] - times.pop() < 1000


def test_request_time_and_direction(events: Events) -> None:
    """The time stands in the common log format and in milliseconds; all events come in."""
    for context in contexts(events):
        moment = datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)
        assert context["requestTime"] == moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        assert context["messageDirection"] == "IN"


def test_route_key_and_type(events: Events) -> None:
    """Each event names its route and its type."""
    routes = {context["eventType"]: context["routeKey"] for context in contexts(events)}
    assert routes == {"CONNECT": "$connect", "MESSAGE": "$default", "DISCONNECT": "$disconnect"}


def test_identity_is_the_client(events: Events, stage: Stage) -> None:
    """The identity has the client's address, and its user agent only if it sent one."""
    for context in contexts(events):
        assert ipaddress.ip_address(context["identity"]["sourceIp"])
        assert context["identity"]["userAgent"] == "tester/1"
    anonymous = stage.visit(user_agent_header=None).ask("show")
    assert "userAgent" not in anonymous["requestContext"]["identity"]


def test_disconnect_headers(events: Events) -> None:
    """DISCONNECT has exactly these four headers."""
    headers = {"Host", "x-api-key", "X-Forwarded-For", "x-restapi"}
    assert set(events["DISCONNECT"]["headers"]) == headers
    assert set(events["DISCONNECT"]["multiValueHeaders"]) == headers


def test_disconnect_code_and_reason(events: Events) -> None:
    """DISCONNECT, and no other event, has the code and the reason that the client gave."""
    context = events["DISCONNECT"]["requestContext"]
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4001, "bye")
    for kind in ("CONNECT", "MESSAGE"):
        assert "disconnectStatusCode" not in events[kind]["requestContext"]
