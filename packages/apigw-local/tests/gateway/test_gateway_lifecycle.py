"""Starting and stopping the gateway, and what it leaves behind."""

import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from chalice.app import Chalice, WebsocketEvent
from chalice.config import Config
from websockets.exceptions import InvalidStatus

from apigw_local.console.formatter import LineFormatter
from apigw_local.console.log_events import LogEvent
from apigw_local.gateway import Gateway, Quotas
from apigw_local.gateway.routing import Route, Routes
from apigw_local.lambda_.functions import Function, Functions
from gateway_support import logged_events
from gateway_support.serving import WAIT_SECONDS, Gate, Served
from tests.support.application import assert_no_defect
from tests.support.waiting import wait_until

Serve = Callable[..., Served]


def port_of(served: Served) -> int:
    """The port that the gateway got."""
    return int(served.gateway.url.split("/")[2].split(":")[1])


def gateway(port: int) -> Gateway:
    """A gateway with no app to speak of."""
    return Gateway(Functions(Chalice("empty"), Config()), stage="api", port=port)


def open_sockets() -> int:
    """Return the number of this process's open sockets."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue  # the listing's own descriptor
    return count


def test_addresses(serve: Serve) -> None:
    """Clients and posts have the same host, port and stage."""
    served = serve()
    port = port_of(served)
    assert served.gateway.url == f"ws://127.0.0.1:{port}/api"
    assert served.gateway.endpoint == f"http://127.0.0.1:{port}/api"


def test_port_taken(serve: Serve) -> None:
    """A second gateway on the same port is refused when it starts."""
    with pytest.raises(OSError, match="in use"):
        gateway(port_of(serve())).start()


def test_stop_goes_away(serve: Serve) -> None:
    """Stopping closes every client with 1001 and runs `$disconnect` for each."""
    served = serve()
    clients = dict(served.connected() for _ in range(5))
    served.gateway.stop()
    disconnected = set()
    for client in clients:
        assert list(client) == []
        assert (client.close_code, client.close_reason) == (1001, "Going away")
        context = served.event("$disconnect")["requestContext"]
        assert context["disconnectStatusCode"] == 1001
        assert context["disconnectReason"] == "Going away"
        disconnected.add(context["connectionId"])
    assert disconnected == set(clients.values())
    assert served.saw_nothing("$disconnect")


def test_stop_waits_for_functions_that_still_post(serve: Serve) -> None:
    """A handler in flight may finish and still call `@connections`; new clients are refused."""
    gate = Gate()
    statuses: list[int] = []

    def post(event: WebsocketEvent) -> None:
        management = served.management()
        gate(event)
        try:
            management.post_to_connection(ConnectionId=event.connection_id, Data=b"late")
        except management.exceptions.GoneException as error:
            statuses.append(error.response["ResponseMetadata"]["HTTPStatusCode"])

    served = serve(message=post)
    client, _ = served.connected()
    client.send("hello")
    gate.wait_entered()
    stopping = threading.Thread(target=served.gateway.stop)
    stopping.start()
    served.event("$disconnect")
    with pytest.raises(InvalidStatus, match="503"):
        served.connect()
    gate.open()
    stopping.join(WAIT_SECONDS)
    assert statuses == [410]


def test_stop_does_not_wait_for_ever(serve: Serve) -> None:
    """A handler that hangs delays stopping only for the time given."""
    gate = Gate()
    served = serve(message=gate)
    client, _ = served.connected()
    client.send("hello")
    gate.wait_entered()
    started = time.monotonic()
    served.gateway.stop(0.1)
    assert time.monotonic() - started < 1
    gate.open()


def test_connect_under_way_while_stopping(serve: Serve) -> None:
    """A connection that opens while the gateway stops is closed and disconnected too."""
    gate = Gate()
    served = serve(connect=gate)
    codes: list[int | None] = []

    def client() -> None:
        connection = served.connect()
        assert list(connection) == []
        codes.append(connection.close_code)

    threads = [threading.Thread(target=client), threading.Thread(target=served.gateway.stop)]
    threads[0].start()
    gate.wait_entered()
    threads[1].start()
    gate.open()
    for thread in threads:
        thread.join(WAIT_SECONDS)
    assert codes == [1001]
    assert served.event("$disconnect")["requestContext"]["disconnectStatusCode"] == 1001


def test_port_is_free_after_stop(serve: Serve) -> None:
    """The next gateway gets the same port at once, although clients were connected."""
    served = serve()
    served.connected()
    port = port_of(served)
    served.gateway.stop()
    served.gateway.stop()
    successor = gateway(port)
    successor.start()
    assert successor.url == served.gateway.url
    successor.stop()


def test_nothing_is_left_behind(serve: Serve) -> None:
    """200 connections, half of them cut off, leave no socket, and each had its `$disconnect`."""
    served = serve()
    served.connected()[0].close()
    served.event("$disconnect")
    threads, sockets = threading.active_count(), open_sockets()
    for number in range(200):
        client, _ = served.connected()
        if number % 2:
            reset = struct.pack("ii", 1, 0)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            client.socket.close()
        client.close()
        served.event("$disconnect")
    deadline = time.monotonic() + WAIT_SECONDS
    while open_sockets() > sockets:
        assert time.monotonic() < deadline
    # A function's thread is started while the last one is just coming free.
    assert threading.active_count() <= threads + 2
    assert served.saw_nothing("$disconnect")


class Defective:
    """A function whose invocation fails in a way that no function has."""

    name = "defective"
    patience = 1.0

    def invoke(self, event: dict[str, Any]) -> NoReturn:
        """Raise what the gateway does not expect."""
        raise LookupError(event["body"])


def test_a_task_that_dies_is_told_of(
    serve: Serve, defects: list[BaseException | None], caplog: pytest.LogCaptureFixture
) -> None:
    """An unexpected error of a task that nobody waits for is logged, and the gateway goes on."""
    route = Route(cast("Function", Defective()))
    client = serve(routes=Routes({"$default": route})).connect()
    for body in ("first", "second"):
        client.send(body)
    wait_until(lambda: len(defects) == 2)
    assert sorted(map(repr, defects)) == ["LookupError('first')", "LookupError('second')"]
    assert logged_events.log_event(caplog, "defect").failed
    defects.clear()


def test_a_callback_that_fails_is_told_of(
    serve: Serve, defects: list[BaseException | None]
) -> None:
    """An unexpected error while bytes are read is logged too."""
    served = serve(quotas=Quotas(post_bytes=cast("int", None)))
    with pytest.raises(ConnectionError):
        served.call("POST", "/api/@connections/id", b"body")
    wait_until(lambda: len(defects) == 1)
    defects.clear()


def test_the_terminal_shows_what_makes_other_tests_fail(tmp_path: Path) -> None:
    """The line of a defect is the one that the tests look for in a terminal."""
    record = logging.makeLogRecord({"msg": LogEvent("defect", detail="a task", failed=True)})
    line = LineFormatter(tmp_path).format(record)
    assert_no_defect(line.replace("defect", "message"))
    with pytest.raises(AssertionError, match="defect"):
        assert_no_defect(line)
