"""The events: every field that API Gateway sends, and none that it does not."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.local.gateway.serving import Served

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
    assert event["isBase64Encoded"] is False


def test_message_event_has_its_keys(events: dict[str, Any]) -> None:
    """MESSAGE carries a body and a message id, no headers."""
    event = events["message"]
    assert set(event) == {"requestContext", "body", "isBase64Encoded"}
    assert set(event["requestContext"]) == COMMON | {"messageId"}
    assert event["body"] == "hello"
    assert event["isBase64Encoded"] is False


def test_disconnect_event_has_its_keys(events: dict[str, Any]) -> None:
    """DISCONNECT carries the close code and reason, and exactly four headers."""
    event = events["disconnect"]
    context = event["requestContext"]
    assert set(event) == {"requestContext", "headers", "multiValueHeaders", "isBase64Encoded"}
    assert set(context) == COMMON | {"disconnectStatusCode", "disconnectReason"}
    assert (context["disconnectStatusCode"], context["disconnectReason"]) == (4000, "bye")
    headers = {
        "Host": context["domainName"],
        "x-api-key": "",
        "X-Forwarded-For": "",
        "x-restapi": "",
    }
    assert event["headers"] == headers
    assert event["multiValueHeaders"] == {name: [value] for name, value in headers.items()}


def test_route_key_and_type_tell_the_event(events: dict[str, Any]) -> None:
    """Each event names its route and type; all of them come in."""
    contexts = [event["requestContext"] for event in events.values()]
    assert [(c["routeKey"], c["eventType"]) for c in contexts] == [
        ("$connect", "CONNECT"),
        ("$default", "MESSAGE"),
        ("$disconnect", "DISCONNECT"),
    ]
    assert {c["messageDirection"] for c in contexts} == {"IN"}
    assert {c["stage"] for c in contexts} == {"api"}


def test_ids_look_like_those_of_aws(events: dict[str, Any]) -> None:
    """Ids are 16 characters ending in =, requestId is extendedRequestId, new for each event."""
    contexts = [event["requestContext"] for event in events.values()]
    for context in contexts:
        assert ID.fullmatch(context["connectionId"])
        assert ID.fullmatch(context["requestId"])
        assert context["requestId"] == context["extendedRequestId"]
        assert re.fullmatch(r"[a-z0-9]{10}", context["apiId"])
    assert len({context["connectionId"] for context in contexts}) == 1
    assert len({context["requestId"] for context in contexts}) == 3


def test_message_id_is_its_own(events: dict[str, Any]) -> None:
    """A message id is no other id, and ends like the connection id."""
    context = events["message"]["requestContext"]
    assert ID.fullmatch(context["messageId"])
    assert context["messageId"][-6:] == context["connectionId"][-6:]
    assert context["messageId"] not in {context["connectionId"], context["requestId"]}


def test_times(events: dict[str, Any]) -> None:
    """The connectedAt stays, requestTimeEpoch goes on, requestTime says the same in the CLF."""
    contexts = [event["requestContext"] for event in events.values()]
    assert len({context["connectedAt"] for context in contexts}) == 1
    assert 0 <= contexts[0]["requestTimeEpoch"] - contexts[0]["connectedAt"] < 100
    for context in contexts:
        assert abs(context["requestTimeEpoch"] / 1000 - time.time()) < 60
        moment = datetime.fromtimestamp(context["requestTimeEpoch"] // 1000, UTC)
        assert context["requestTime"] == moment.strftime("%d/%b/%Y:%H:%M:%S +0000")


def test_identity_and_domain(serve: Serve) -> None:
    """The identity is the real address, with a user agent only if one was sent."""
    served = serve()
    served.connect(user_agent_header="tester/1").close()
    for key in ("$connect", "$disconnect"):
        context = served.event(key)["requestContext"]
        assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tester/1"}
        assert context["domainName"] == served.gateway.url.split("/")[2]
    served.connect(user_agent_header=None)
    assert served.event("$connect")["requestContext"]["identity"] == {"sourceIp": "127.0.0.1"}


def test_connect_headers(serve: Serve) -> None:
    """Header names keep their case; the upgrade's own are gone, the gateway's are there."""
    served = serve()
    headers = [("X-One", "1"), ("x-tWo", "a"), ("x-tWo", "b"), ("Cookie", "c=d")]
    served.connect(additional_headers=headers, origin="http://localhost:8000")
    event = served.event("$connect")
    single, multi = event["headers"], event["multiValueHeaders"]
    assert (
        set(single)
        == set(multi)
        == {
            "Host",
            "Sec-WebSocket-Key",
            "Sec-WebSocket-Version",
            "Origin",
            "User-Agent",
            "Cookie",
            "X-One",
            "x-tWo",
            "X-Amzn-Trace-Id",
            "X-Forwarded-For",
            "X-Forwarded-Port",
            "X-Forwarded-Proto",
        }
    )
    assert (single["x-tWo"], multi["x-tWo"]) == ("b", ["a", "b"])
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", single["X-Amzn-Trace-Id"])
    assert single["X-Forwarded-For"] == "127.0.0.1"
    assert (single["X-Forwarded-Port"], single["X-Forwarded-Proto"]) == ("443", "https")


def test_query(serve: Serve) -> None:
    """A query is decoded; of a repeated name the last value counts, all are in the lists."""
    served = serve()
    served.connect(path="?name=J%C3%BCrgen%20B&tag=a&tag=b&empty=")
    event = served.event("$connect")
    assert event["queryStringParameters"] == {"name": "Jürgen B", "tag": "b", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {
        "name": ["Jürgen B"],
        "tag": ["a", "b"],
        "empty": [""],
    }
