"""Hints at behaviours of AWS, and the events that cause them."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice, SQSEvent, WebsocketEvent
from chalice.config import Config
from websockets.exceptions import ConnectionClosed, InvalidStatus

from apigw_local.console import hints
from apigw_local.console.log_events import Hint
from apigw_local.gateway import Quotas
from apigw_local.gateway.routing import CONNECT, Route, Routes
from apigw_local.lambda_.functions import Functions
from gateway_support import logged_events
from gateway_support.serving import Gate, Served, bare
from tests.support.waiting import wait_until

Serve = Callable[..., Served]


@pytest.fixture(autouse=True)
def _noted(caplog: pytest.LogCaptureFixture) -> None:
    """Hints are no warnings."""
    caplog.set_level(logging.INFO, "apigw_local")


def wait_for(caplog: pytest.LogCaptureFixture, hint: Hint) -> None:
    """Wait until a hint was given, and see that no other was."""
    wait_until(lambda: hint.kind in logged_events.hints(caplog))
    assert logged_events.hints(caplog) == {hint.kind}


def test_nothing_unusual_gives_no_hint(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A plain session, from connect to disconnect, is left without comment."""
    served = serve(message=lambda _: {"statusCode": 200})
    client, connection_id = served.connected()
    client.send("hello")
    served.event("$default")
    served.management().post_to_connection(ConnectionId=connection_id, Data=b"hi")
    client.close()
    served.event("$disconnect")
    served.stop()

    assert logged_events.hints(caplog) == set()


def test_post_from_connect(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A post to a connection whose `$connect` still runs is explained, and a later 410 is not."""
    gate = Gate()
    served = serve(connect=gate)
    connecting = threading.Thread(target=served.connect)
    connecting.start()
    gate.wait_entered()
    management = served.management()
    connection_id = served.event("$connect")["requestContext"]["connectionId"]
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"welcome")
    gate.open()
    connecting.join()
    wait_for(caplog, hints.POST_FROM_CONNECT)

    caplog.clear()
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId="PJqB0fHsqRcCHlw=", Data=b"welcome")
    assert logged_events.hints(caplog) == set()


def test_body_that_goes_nowhere(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A message handler that returns a body hears that no client gets it."""
    client, _ = serve(message=lambda _: {"statusCode": 200, "body": "hi"}).connected()
    client.send("hello")

    wait_for(caplog, hints.BODY_DROPPED)


def test_result_without_a_status(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A `$connect` that answers without a status explains its client's 502."""
    served = serve(routes=Routes({CONNECT: Route(bare(lambda _: {"body": "welcome"}))}))
    with pytest.raises(InvalidStatus):
        served.connect()

    wait_for(caplog, hints.MALFORMED_RESULT)


def test_message_above_a_frame(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A client's message above 32 KB in one frame is explained."""
    client, _ = serve().connected()
    client.send("x" * 40_000)

    wait_for(caplog, hints.too_big(32_768))


def test_a_clients_own_1009_is_not_the_gateways(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A client that closes with 1009 has sent nothing too long."""
    served = serve()
    client, _ = served.connected()
    client.close(1009, "mine")
    served.event("$disconnect")

    assert logged_events.hints(caplog) == set()


def test_slow_handler(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that outlasts the gateway's patience is told of the 29 seconds."""
    gate = Gate()
    client, _ = serve(message=gate, quotas=Quotas(integration_seconds=0.05)).connected()
    client.send("hello")
    wait_until(lambda: bool(logged_events.hints(caplog)))
    gate.open()

    wait_for(caplog, hints.slow_handler("websocket_message", 0.05))


def test_failing_disconnect(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A `$disconnect` that fails, which no client ever notices, is pointed out."""

    def fail(event: WebsocketEvent) -> None:
        raise ValueError(event.connection_id)

    client, _ = serve(disconnect=fail).connected()
    client.close()

    wait_for(caplog, hints.DISCONNECT_FAILED)


def test_binary_frame(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A binary frame's 1003 is explained."""
    client, _ = serve().connected()
    client.send(b"bytes")
    with pytest.raises(ConnectionClosed):
        client.recv()

    wait_for(caplog, hints.BINARY_FRAME)


def test_subprotocol_not_chosen(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A client that offers subprotocols and is let in without one would be a closed browser."""
    serve().connected(subprotocols=["chat"])

    wait_for(caplog, hints.NO_SUBPROTOCOL)


def app_with(handler: Callable[[SQSEvent], Any], project: Path) -> Functions:
    """Functions of an app in a folder of its own."""
    app = Chalice("chat")
    app.on_sqs_message(queue="jobs", name="work")(handler)
    return Functions(app, Config(user_provided_params={"project_dir": str(project)}))


def test_work_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    """A handler whose thread goes on after it has returned hears what Lambda does to that."""
    entered, finish = threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        finish.wait(5)

    def leave(event: SQSEvent) -> None:  # noqa: ARG001 - a handler's signature
        threading.Thread(target=work).start()
        entered.wait(5)

    app_with(leave, Path(__file__).parent).sqs()[0].function.invoke({"Records": []}).result(5)
    finish.set()

    wait_for(caplog, hints.work_left("work", ""))
    assert ", at test_gateway_hints.py:" in caplog.text


def test_work_that_is_done_is_not_left(caplog: pytest.LogCaptureFixture) -> None:
    """A thread that was joined, and one that only waits for a pool's work, are no work left."""
    with ThreadPoolExecutor(1) as pool:

        def share(event: SQSEvent) -> None:  # noqa: ARG001 - a handler's signature
            thread = threading.Thread(target=lambda: None)
            thread.start()
            thread.join()
            pool.submit(int).result(5)

        app_with(share, Path(__file__).parent).sqs()[0].function.invoke({"Records": []}).result(5)

    assert logged_events.hints(caplog) == set()


@pytest.mark.parametrize(
    "hint",
    [
        *(value for value in vars(hints).values() if isinstance(value, Hint)),
        hints.too_big(32_768),
        hints.slow_handler("websocket_message", 29),
        hints.failures_ignored("work"),
        hints.recursive_loop("work", "work.fifo", 16),
        hints.reserved_route("$connect"),
        hints.work_left("work", "app.py:1"),
    ],
    ids=lambda hint: hint.kind,
)
def test_each_hint_has_its_source(hint: Hint) -> None:
    """Every hint ends in sentences, and links to where its claim is from."""
    assert hint.text.endswith(".")
    assert hint.link.startswith(("https://docs.aws.amazon.com/", "https://repost.aws/"))
