"""The status page, and schedules run from it."""

import html.parser
import json
import logging
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

import pytest
from chalice.app import Chalice, CloudWatchEvent, Rate
from chalice.config import Config
from mypy_boto3_sqs import SQSClient
from websockets.exceptions import InvalidStatus

from apigw_local.faults import FaultSettings
from apigw_local.gateway import Gateway, Quotas
from apigw_local.gateway.http import HttpRequest
from apigw_local.gateway.status import refusal
from apigw_local.lambda_.functions import Functions
from apigw_local.sqs.event_source_mapping import EventSourceMapping
from gateway_support import logged_events
from gateway_support.scripted import MakeQueue, ScriptedFunction, send
from gateway_support.serving import Gate, Served, request

Serve = Callable[..., Served]
BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


def status(served: Served) -> dict[str, Any]:
    """The status as JSON."""
    response, body = served.call("GET", "/_gateway", headers={"Accept": "application/json"})
    assert response.status == 200
    content: dict[str, Any] = json.loads(body)
    return content


def test_open_connections_are_listed(serve: Serve) -> None:
    """A connection is there with its times and its source while it is open."""
    served = serve()
    client, connection_id = served.connected()
    (listed,) = status(served)["connections"]

    assert listed["id"] == connection_id
    assert listed["source"] == "127.0.0.1"
    assert listed["since"] <= listed["last_active"]
    client.close()
    served.event("$disconnect")
    assert status(served)["connections"] == []


def test_what_happens_is_counted(serve: Serve) -> None:
    """Connects, messages, calls and closes are counted by their outcome."""

    def refuse_eve(event: Any) -> dict[str, int]:
        query = event.to_dict().get("queryStringParameters", {})
        return {"statusCode": 401 if query.get("name") == "eve" else 200}

    def fail(event: Any) -> None:
        assert event.body != "fail"

    served = serve(connect=refuse_eve, message=fail)
    with pytest.raises(InvalidStatus):
        served.connect("?name=eve")
    client = served.connect("?name=ada")
    for text in ("hello", "hello", "fail"):
        client.send(text)
    client.recv()
    management = served.management()
    served.event("$connect")
    connection_id = served.event("$connect")["requestContext"]["connectionId"]
    management.post_to_connection(ConnectionId=connection_id, Data=b"hi")
    management.get_connection(ConnectionId=connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId="PJqB0fHsqRcCHlw=", Data=b"hi")
    client.close(4000)
    served.event("$disconnect")
    served.functions.shutdown(5)

    shown = status(served)

    assert shown["counts"] == {
        "connects": {"101": 1, "401": 1},
        "messages": {"OK": 2, "Internal server error": 1},
        "calls": {"GET": {"200": 1}, "POST": {"200": 1, "410": 1}},
        "closes": {"4000": 1},
        "chaos": {},
    }
    assert {"name": "websocket_message", "in_flight": 0, "invocations": 3, "failures": 1} in shown[
        "functions"
    ]


def test_handlers_in_flight_are_shown(serve: Serve) -> None:
    """A handler that runs is in flight, and its function's failures are told apart."""
    gate = Gate()
    served = serve(message=gate)
    client, _ = served.connected()
    client.send("1")
    client.send("2")
    gate.wait_entered()
    gate.wait_entered()
    flights = {each["name"]: each["in_flight"] for each in status(served)["functions"]}
    gate.open()

    assert flights == {"websocket_connect": 0, "websocket_message": 2, "websocket_disconnect": 0}


def test_quotas_and_faults_are_those_in_force(serve: Serve) -> None:
    """The page tells what was lowered, what goes wrong on purpose, and how often it has."""
    served = serve(
        quotas=Quotas(idle_seconds=7), fault_settings=FaultSettings(seed=3, throttled_post_rate=1)
    )
    _, connection_id = served.connected()
    management = served.management()
    with pytest.raises(management.exceptions.LimitExceededException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"hi")

    shown = status(served)

    assert shown["limits"]["idle_seconds"] == 7
    assert shown["chaos"]["seed"] == 3
    assert shown["counts"]["chaos"] == {"throttled_post": 1}


def test_queues_show_what_waits_and_what_is_dead(
    serve: Serve, sqs: SQSClient, make_queue: MakeQueue
) -> None:
    """A mapped queue has its depth, its batch in flight and its dead letters."""
    dead = make_queue()
    attributes = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": attributes["QueueArn"], "maxReceiveCount": "3"}
    queue_url = make_queue(RedrivePolicy=json.dumps(policy))
    function = ScriptedFunction()
    mapping = EventSourceMapping(sqs, queue_url, function, batch_size=1)
    send(sqs, queue_url, "room", "1", "2", "3")
    send(sqs, dead, "room", "4")
    served = serve(mappings=[mapping])
    mapping.start()
    try:
        invocation = function.next()
        (shown,) = status(served)["queues"]
        invocation.succeed()
    finally:
        mapping.stop(0)

    assert shown == {
        "queue": queue_url.rpartition("/")[2],
        "visible": 2,
        "in_flight": 1,
        "delayed": 0,
        "dead_letters": 1,
    }


def test_a_queue_that_is_gone_is_told(serve: Serve, sqs: SQSClient, make_queue: MakeQueue) -> None:
    """A queue that can't be asked says why, and the rest of the status is there."""
    queue_url = make_queue()
    sqs.delete_queue(QueueUrl=queue_url)
    served = serve(mappings=[EventSourceMapping(sqs, queue_url, ScriptedFunction())])

    (shown,) = status(served)["queues"]

    assert "NonExistentQueue" in shown["error"]


class _Page(html.parser.HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def test_browsers_get_a_page_of_its_own(serve: Serve) -> None:
    """The page holds what the JSON has, loads nothing from anywhere, and has no script."""
    served = serve()
    _, connection_id = served.connected()
    response, body = served.call("GET", "/_gateway", headers=BROWSER)
    page = _Page(body.decode())

    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert connection_id in page.text
    assert "websocket_connect" in page.text
    assert not any(tag in {"script", "img", "iframe"} for tag, _ in page.tags)
    assert not any("style" in attributes or "src" in attributes for _, attributes in page.tags)
    assert [attributes["href"] for tag, attributes in page.tags if tag == "link"] == ["data:,"]


def test_json_has_an_address_of_its_own(serve: Serve) -> None:
    """Also a browser can have the JSON, and whoever asks for nothing special gets it."""
    served = serve()

    for path, headers in (("/_gateway.json", BROWSER), ("/_gateway", {})):
        response, body = served.call("GET", path, headers=headers)
        assert response.headers["Content-Type"] == "application/json"
        assert json.loads(body)["stage"] == "api"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/_gateway/more"), ("PUT", "/_gateway"), ("POST", "/_gateway")]
)
def test_other_requests_are_told_what_there_is(serve: Serve, method: str, path: str) -> None:
    """A path or method that is none is answered 404, with those that are."""
    response, body = serve().call(method, path)

    assert response.status == 404
    assert "POST /_gateway/schedules/NAME" in json.loads(body)["message"]


class Scheduled:
    """A gateway with two scheduled functions."""

    def __init__(self) -> None:
        app = Chalice("clock")
        self.events: list[dict[str, Any]] = []

        @app.schedule(Rate(1, unit=Rate.HOURS), name="sweep")
        def sweep(event: CloudWatchEvent) -> dict[str, str]:
            self.events.append(event.to_dict())
            return {"swept": event.detail_type}

        @app.schedule("cron(0 6 * * ? *)", name="fail")
        def fail(event: CloudWatchEvent) -> None:
            raise ValueError(event.source)

        config = Config(
            chalice_stage="beta",
            config_from_disk={
                "app_name": "clock",
                "stages": {"beta": {"lambda_functions": {"fail": {"lambda_timeout": 5}}}},
            },
        )
        self.gateway = Gateway(Functions(app, config), stage="api", port=0, region="eu-west-1")
        self.gateway.start()

    def call(self, method: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        """One request: the answer and its body."""
        return request(self.gateway, method, path, headers=headers)


@pytest.fixture
def scheduled() -> Iterator[Scheduled]:
    """The gateway, stopped after the test."""
    scheduled = Scheduled()
    yield scheduled
    scheduled.gateway.stop(1.0)


def test_a_schedule_runs_now(scheduled: Scheduled, caplog: pytest.LogCaptureFixture) -> None:
    """The function gets EventBridge's event, its result is the answer, and there is a line."""
    caplog.set_level(logging.INFO, "apigw_local")
    response, body = scheduled.call("POST", "/_gateway/schedules/sweep")

    assert (response.status, json.loads(body)) == (200, {"result": {"swept": "Scheduled Event"}})
    (event,) = scheduled.events
    assert event.keys() == {
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    }
    assert event["resources"] == [
        "arn:aws:events:eu-west-1:123456789012:rule/clock-beta-sweep-event"
    ]
    line = logged_events.log_event(caplog, "schedule")
    assert (line.function, line.status, line.event) == ("sweep", "ok", event)


def test_a_failing_schedule_answers_its_traceback(scheduled: Scheduled) -> None:
    """A function that raises is a 500 that says what it raised."""
    response, body = scheduled.call("POST", "/_gateway/schedules/fail")

    assert response.status == 500
    assert "ValueError: aws.events" in json.loads(body)["error"]


def test_an_unknown_schedule_is_told_the_known(scheduled: Scheduled) -> None:
    """A name that is none is a 404 with those there are."""
    response, body = scheduled.call("POST", "/_gateway/schedules/swep")

    assert response.status == 404
    assert json.loads(body)["message"] == (
        "There is no scheduled function 'swep'. There are: sweep, fail."
    )


def test_the_page_offers_the_schedules(scheduled: Scheduled) -> None:
    """Each schedule stands there with its expression and a button that posts."""
    _, body = scheduled.call("GET", "/_gateway", **BROWSER)
    page = _Page(body.decode())

    forms = [attributes for tag, attributes in page.tags if tag == "form"]
    assert forms == [
        {"method": "post", "action": f"/_gateway/schedules/{name}"} for name in ("sweep", "fail")
    ]
    assert "rate(1 hour)" in page.text
    assert "cron(0 6 * * ? *)" in page.text


@pytest.mark.parametrize("origin", ["https://example.com", "http://127.0.0.1:1", "null"])
def test_another_sites_page_may_not_run_a_schedule(scheduled: Scheduled, origin: str) -> None:
    """A form on another site is refused by its origin, and nothing runs."""
    response, _ = scheduled.call("POST", "/_gateway/schedules/sweep", Origin=origin)

    assert response.status == 403
    assert scheduled.events == []


def test_its_own_page_may(scheduled: Scheduled) -> None:
    """The button's request carries the gateway's own origin."""
    origin = scheduled.gateway.endpoint.rpartition("/")[0]
    response, _ = scheduled.call("POST", "/_gateway/schedules/sweep", Origin=origin)

    assert response.status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001", "", "10.0.0.1", "[::1"])
def test_a_name_that_leads_here_is_not_answered(serve: Serve, host: str) -> None:
    """A site whose own name resolves to this machine learns nothing by it."""
    response, _ = serve().call("GET", "/_gateway", headers={"Host": host})

    assert response.status == 403


@pytest.mark.parametrize(
    ("peer", "host", "answered"),
    [
        ("127.0.0.1", "localhost:8001", True),
        ("::1", "[::1]:8001", True),
        ("::ffff:127.0.0.1", "127.0.0.1:8001", True),
        ("192.168.1.5", "127.0.0.1:8001", False),
        ("fe80::1", "[::1]:8001", False),
    ],
)
def test_only_this_machine_is_answered(peer: str, host: str, *, answered: bool) -> None:
    """An address of another machine is refused, whatever host it asks for."""
    call = HttpRequest("GET", b"/_gateway", ["_gateway"], {"host": host}, b"", "")

    assert (refusal(call, peer) is None) == answered


def test_requests_that_no_function_sees_are_counted(serve: Serve) -> None:
    """A path that is none, and a request without an upgrade, are refused and counted."""
    served = serve()
    served.call("GET", "/elsewhere")
    served.call("GET", "/api")

    assert status(served)["counts"]["connects"] == {"403": 1, "426": 1}


def test_a_lost_disconnect_is_logged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """An injected loss of `$disconnect` has a line, so that nobody looks for a bug."""
    caplog.set_level(logging.INFO, "apigw_local")
    served = serve(fault_settings=FaultSettings(lost_disconnect_rate=1))
    client, connection_id = served.connected()
    client.close()

    line = logged_events.log_event(caplog, "disconnect")
    assert (line.connection, line.status, line.detail) == (connection_id, "lost", "by chaos")


def test_lines_stand_in_the_order_of_events(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """The line of a post stands above that of the close that follows it."""
    caplog.set_level(logging.INFO, "apigw_local")
    served = serve()
    client, connection_id = served.connected()
    served.management().post_to_connection(ConnectionId=connection_id, Data=b"hello")
    client.close()
    logged_events.log_event(caplog, "disconnect")

    kinds = [str(record.msg).partition(" ")[0] for record in caplog.records]
    assert kinds == ["connect", "post", "close", "disconnect"]
    post = logged_events.log_event(caplog, "post")
    assert (post.connection, post.detail) == (connection_id, "5 bytes")
