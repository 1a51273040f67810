"""The events: every field that API Gateway sends, and none that it does not."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway_support.serving import Served

Serve = Callable[..., Served]

ID = re.compile(r"[A-Za-z0-9_-]{15}=")
COMMON = {
    "routeKey",
    "eventType",
    "extendedRequestId",
    "requestTime",
    "messageDirection",
    "stage",
    "connectedAt",
    "requestTimeEpoch",
    "identity",
    "requestId",
    "domainName",
    "connectionId",
    "apiId",
}
ADDED = {"X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}


@pytest.fixture
def events(serve: Serve) -> dict[str, Any]:
    """The three events of one connection that a client opens, uses and closes."""
    served = serve()
    client = served.connect(user_agent_header="tester/1")
    client.send("hello")
    message = served.event("$default")
    client.close(4000, "bye")
    return {
        "connect": served.event("$connect"),
        "message": message,
        "disconnect": served.event("$disconnect"),
    }


def test_connect_event_has_its_keys(events: dict[str, Any]) -> None:
    """CONNECT carries headers and nothing of a body, a query or a message."""
    event = events["connect"]
    assert set(event) == {"requestContext", "headers", "multiValueHeaders", "isBase64Encoded"}
    assert set(event["requestContext"]) == COMMON


def test_message_event_has_its_keys(events: dict[str, Any]) -> None:
    """MESSAGE carries a body and a message id, no headers."""
    event = events["message"]
    assert set(event) == {"requestContext", "body", "isBase64Encoded"}
    assert set(event["requestContext"]) == COMMON | {"messageId"}


def test_disconnect_event_has_its_keys(events: dict[str, Any]) -> None:
    """DISCONNECT carries the close code and reason, and headers."""
    event = events["disconnect"]
    assert set(event) == {"requestContext", "headers", "multiValueHeaders", "isBase64Encoded"}
    assert set(event["requestContext"]) == COMMON | {"disconnectStatusCode", "disconnectReason"}


def test_route_key_and_type_tell_the_event(events: dict[str, Any]) -> None:
    """Each event names its route, its type and the stage."""
    contexts = [event["requestContext"] for event in events.values()]
    assert [(c["routeKey"], c["eventType"]) for c in contexts] == [
        ("$connect", "CONNECT"),
        ("$default", "MESSAGE"),
        ("$disconnect", "DISCONNECT"),
    ]
    assert {c["stage"] for c in contexts} == {"api"}


def test_connection_id_is_16_characters_ending_in_an_equals_sign(events: dict[str, Any]) -> None:
    """A connection id looks like those of AWS, as does the API's, and stays the connection's."""
    contexts = [event["requestContext"] for event in events.values()]
    assert len({context["connectionId"] for context in contexts}) == 1
    assert ID.fullmatch(contexts[0]["connectionId"])
    assert re.fullmatch(r"[a-z0-9]{10}", contexts[0]["apiId"])


def test_connect_header_names_keep_their_case(serve: Serve) -> None:
    """Header names are spelt as the client does, without those of the upgrade itself."""
    served = serve()
    headers = [("X-One", "1"), ("x-tWo", "a"), ("x-tWo", "b"), ("Cookie", "c=d")]
    served.connect(additional_headers=headers, origin="http://localhost:8000")
    event = served.event("$connect")
    single, multi = event["headers"], event["multiValueHeaders"]
    assert set(single) == set(multi)
    assert set(single) - ADDED == {
        "Host",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "Origin",
        "User-Agent",
        "Cookie",
        "X-One",
        "x-tWo",
    }
    assert (single["x-tWo"], multi["x-tWo"]) == ("b", ["a", "b"])


def test_connect_has_forwarding_and_trace_headers(serve: Serve) -> None:
    """The gateway adds who connected, over HTTPS as on AWS, and an X-Ray trace."""
    served = serve()
    served.connect()
    headers = served.event("$connect")["headers"]
    assert headers.keys() >= ADDED
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", headers["X-Amzn-Trace-Id"])
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    assert (headers["X-Forwarded-Port"], headers["X-Forwarded-Proto"]) == ("443", "https")


def test_query_keys_are_absent_without_a_query(serve: Serve) -> None:
    """Without a query there are no query keys, not even null; with one, all is decoded.

    Of a repeated name the last value counts, and the lists have all of them.
    """
    served = serve()
    for path in ("", "?"):
        served.connect(path=path)
        event = served.event("$connect")
        assert not {"queryStringParameters", "multiValueQueryStringParameters"} & event.keys()
    served.connect(path="?name=J%C3%BCrgen%20B&tag=a&tag=b&empty=")
    event = served.event("$connect")
    assert event["queryStringParameters"] == {"name": "Jürgen B", "tag": "b", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {
        "name": ["Jürgen B"],
        "tag": ["a", "b"],
        "empty": [""],
    }


def test_message_id_is_its_own_and_on_messages_only(events: dict[str, Any]) -> None:
    """A message id is no other id, ends like the connection's, and no other event has one."""
    having = [kind for kind, event in events.items() if "messageId" in event["requestContext"]]
    assert having == ["message"]
    context = events["message"]["requestContext"]
    assert ID.fullmatch(context["messageId"])
    assert context["messageId"][-6:] == context["connectionId"][-6:]
    assert context["messageId"] not in {context["connectionId"], context["requestId"]}


def test_connected_at_stays_the_same(events: dict[str, Any]) -> None:
    """All events have the time of the connect, in milliseconds; that of the request goes on."""
    contexts = [event["requestContext"] for event in events.values()]
    assert len({context["connectedAt"] for context in contexts}) == 1
    assert 0 <= contexts[0]["requestTimeEpoch"] - contexts[0]["connectedAt"] < 1_000
    times = [context["requestTimeEpoch"] for context in contexts]
    assert times == sorted(times)


def test_request_time_is_in_log_format_and_direction_is_in(events: dict[str, Any]) -> None:
    """The time of a request is there in the format of access logs, in UTC; all events come in."""
    for event in events.values():
        context = event["requestContext"]
        assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 60
        moment = datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)
        assert context["requestTime"] == moment.strftime("%d/%b/%Y:%H:%M:%S +0000")
        assert context["messageDirection"] == "IN"


def test_identity_is_the_real_address(serve: Serve) -> None:
    """The identity is the client's address, with a user agent only if one was sent."""
    served = serve()
    for user_agent in ("tester/1", None):
        client = served.connect(user_agent_header=user_agent)
        client.send("hello")
        expected = {"sourceIp": "127.0.0.1"} | ({"userAgent": user_agent} if user_agent else {})
        assert served.event("$default")["requestContext"]["identity"] == expected
        client.close()
        for key in ("$connect", "$disconnect"):
            assert served.event(key)["requestContext"]["identity"] == expected


def test_domain_is_the_one_addressed(serve: Serve) -> None:
    """All events have the host that the client connected to, as with a custom domain on AWS."""
    served = serve()
    served.connect().close()
    for key in ("$connect", "$disconnect"):
        domain = served.event(key)["requestContext"]["domainName"]
        assert domain == served.gateway.url.split("/")[2]


def test_disconnect_headers_are_four(events: dict[str, Any]) -> None:
    """DISCONNECT has the host and three empty headers, each in both forms."""
    event = events["disconnect"]
    headers = {
        "Host": event["requestContext"]["domainName"],
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    assert event["headers"] == headers
    assert event["multiValueHeaders"] == {name: [value] for name, value in headers.items()}


def test_no_event_has_an_authorizer(events: dict[str, Any]) -> None:
    """Chalice can't give a WebSocket API an authorizer, so there is no context of one."""
    assert not any("authorizer" in event["requestContext"] for event in events.values())
