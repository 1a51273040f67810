"""Route selection, and route responses."""

import json
import logging
import queue
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apigw_local.faults import FaultSettings
from apigw_local.gateway.lambda_proxy import reply_of
from apigw_local.gateway.routing import Route, Routes, selector
from gateway_support import logged_events
from gateway_support.serving import WAIT_SECONDS, Served, bare

Serve = Callable[..., Served]

json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("expression", "body", "key"),
    [
        ("$request.body.action", {"action": "join"}, "join"),
        ("${request.body.action}", {"action": "join"}, "join"),
        ("$request.body.a.b", {"a": {"b": "deep"}}, "deep"),
        ("${request.body.a}/${request.body.b.c}", {"a": "x", "b": {"c": "y"}}, "x/y"),
        ("v1-$request.body.kind-of", {"kind-of": "z"}, "v1-z"),
        ("all", {"action": "join"}, "all"),
        (r"\$default", {"action": "join"}, "$default"),
        (r"\$${request.body.price}", {"price": "5"}, "$5"),
        ("$request.body.action", {"Action": "join"}, ""),
        ("$request.body.a.b", {"a": "text"}, ""),
        ("$request.body.a.b", {"a": ["b"]}, ""),
        ("${request.body.a}/${request.body.b}", {"b": "y"}, "/y"),
        ("$request.body.action", ["action"], ""),
        ("$request.body.action", "action", ""),
    ],
)
def test_an_expression_takes_its_parts_from_the_body(expression: str, body: Any, key: str) -> None:
    """Parts may be nested or several, the rest is constant, and a missing part is empty."""
    assert selector(expression)(json.dumps(body)) == key


@pytest.mark.parametrize(
    ("value", "text"), [(1, "1"), (1.5, "1.5"), (True, "true"), (None, "null"), ([1], "[1]")]
)
def test_a_value_is_turned_into_text(value: Any, text: str) -> None:
    """A value that is no text is spelt as in JSON, which is inferred."""
    assert selector("$request.body.action")(json.dumps({"action": value})) == text


@pytest.mark.parametrize("body", ["", "hello", "{", "{'action': 1}", "[" * 100_000, "1" * 10_000])
def test_a_body_that_cannot_be_read_selects_default(body: str) -> None:
    """Text that is not JSON goes to `$default`, however wrong it is."""
    assert selector("$request.body.action")(body) == "$default"


@pytest.mark.parametrize(
    "expression",
    ["", "$default", "$context.routeKey", "$request.header.Auth", "${request.body}", "a$", "\\"],
)
def test_other_expressions_are_refused(expression: str) -> None:
    """An expression that can't be evaluated is refused at once, and named."""
    with pytest.raises(ValueError, match="is no route selection expression") as refused:
        selector(expression)
    assert repr(expression) in str(refused.value)


@settings(deadline=None)
@given(st.text())
def test_any_text_selects_something(body: str) -> None:
    """No message breaks the selection."""
    assert isinstance(selector("${request.body.a.b}-$request.body.c")(body), str)


@settings(deadline=None)
@given(json_values, st.text("ab_-9", min_size=1))
def test_a_text_at_the_path_is_the_key(other: Any, key: str) -> None:
    """A text is taken as it is, whatever stands beside it."""
    body = json.dumps({"other": other, "a": {"other": other, "b": key}})
    assert selector("$request.body.a.b")(body) == key


@settings(deadline=None)
@given(json_values | st.sampled_from(["$connect", "$disconnect"]), st.booleans())
def test_a_key_is_always_one_of_the_routes(value: Any, reserved: bool) -> None:  # noqa: FBT001
    """Only keys that exist are selected, exactly, and reserved ones only where they may be."""
    route = Route(bare(lambda _: None))
    routes = Routes({"$connect": route, "$disconnect": route, "join": route, "": route})
    key = routes.key_of(json.dumps({"action": value}), reserved=reserved)
    selectable = ("join", "", *(("$connect", "$disconnect") if reserved else ()))
    assert key == (value if value in selectable else "$default")


def test_selection_expression_chooses_the_route(serve: Serve) -> None:
    """Composite, nested and missing parts select among routes; other text goes to `$default`."""
    seen: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()

    def recorder(name: str) -> Route:
        def record(event: dict[str, Any]) -> None:
            seen.put((name, event["requestContext"]["routeKey"]))

        return Route(bare(record))

    names = ["room/join", "room/", "Room/Join", "$default", "$disconnect"]
    expression = "${request.body.area}/${request.body.do.what}"
    routes = Routes({name: recorder(name) for name in names}, expression)
    client = serve(routes=routes).connect()
    for body, expected in [
        ({"area": "room", "do": {"what": "join"}}, "room/join"),
        ({"area": "Room", "do": {"what": "Join"}}, "Room/Join"),
        ({"area": "room"}, "room/"),
        ({"area": "room", "do": {"what": "JOIN"}}, "$default"),
        ({"area": "$disconnect"}, "$default"),
        ("no object", "$default"),
    ]:
        client.send(json.dumps(body))
        assert seen.get(timeout=WAIT_SECONDS) == (expected, expected)
    client.send("no JSON")
    assert seen.get(timeout=WAIT_SECONDS) == ("$default", "$default")


@pytest.mark.parametrize("route_key", ["$connect", "$disconnect"])
def test_reserved_routes_can_be_selected(
    serve: Serve, route_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A message runs the handler of `$connect` or `$disconnect`, and neither in truth happens."""
    caplog.set_level(logging.INFO, "apigw_local")
    served = serve()
    client, connection_id = served.connected()
    client.send(json.dumps({"action": route_key}))
    event = served.event(route_key)
    context = event["requestContext"]
    assert (context["eventType"], context["routeKey"]) == ("MESSAGE", route_key)
    assert context["connectionId"] == connection_id
    assert json.loads(event["body"]) == {"action": route_key}
    client.send("still there")
    assert served.event("$default")["body"] == "still there"
    assert logged_events.hints(caplog) == {f"reserved route {route_key}"}


@pytest.mark.parametrize("route_key", ["$connect", "$disconnect"])
def test_reserved_routes_can_be_kept_from_messages(serve: Serve, route_key: str) -> None:
    """Without the knob such a message goes to `$default`."""
    served = serve(fault_settings=FaultSettings(reserved_routes=False))
    client, _ = served.connected()
    client.send(json.dumps({"action": route_key}))
    assert served.event("$default")["requestContext"]["routeKey"] == "$default"
    assert served.saw_nothing(route_key)


def test_body_is_delivered_only_with_a_route_response(serve: Serve) -> None:
    """With a route response the body is the reply, without one it is dropped."""
    seen: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def answer(event: dict[str, Any]) -> dict[str, Any]:
        seen.put(event)
        return {"statusCode": 200, "body": event["requestContext"]["routeKey"]}

    function = bare(answer)
    routes = Routes({"with": Route(function, responds=True), "without": Route(function)})
    client = serve(routes=routes).connect()
    for key in ("without", "with"):
        client.send(json.dumps({"action": key}))
        seen.get(timeout=WAIT_SECONDS)
    assert client.recv(timeout=WAIT_SECONDS) == "with"


@pytest.mark.parametrize(
    ("result", "reply"),
    [
        (None, None),
        ({"statusCode": 200}, None),
        ({"statusCode": 204, "body": None}, None),
        ({"statusCode": "201", "body": "reply"}, "reply"),
    ],
)
def test_a_result_without_a_body_is_no_reply(result: Any, reply: str | None) -> None:
    """A body is sent; that nothing else is, is inferred."""
    assert reply_of(result) == reply


@pytest.mark.parametrize(
    "result",
    [
        "text",
        ["list"],
        {"body": "reply"},
        {"statusCode": 500, "body": "reply"},
        {"statusCode": 200, "body": {"no": "text"}},
    ],
)
def test_a_result_that_is_no_reply_is_an_error(serve: Serve, result: Any) -> None:
    """A bad status becomes the error frame, as was reported; a bad shape too, which is inferred."""
    route = Route(bare(lambda _: result), responds=True)
    client = serve(routes=Routes({"$default": route})).connect()
    client.send("hello")
    assert json.loads(client.recv(timeout=WAIT_SECONDS))["message"] == "Internal server error"
