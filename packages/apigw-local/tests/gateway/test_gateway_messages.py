"""Messages from clients: routing, failures, and frames that are not text."""

import json
import logging
from collections.abc import Callable

import pytest
from chalice.app import WebsocketEvent
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from gateway_support.serving import WAIT_SECONDS, Gate, Served

Serve = Callable[..., Served]


def fail(event: WebsocketEvent) -> None:
    """Raise, as a handler with a bug does."""
    raise RuntimeError(event.body)


def close_code(client: ClientConnection) -> int:
    """Wait for the close frame and return its code."""
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=WAIT_SECONDS)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def nothing_was_sent(served: Served, client: ClientConnection, connection_id: str) -> bool:
    """Return whether the client's next frame is the one posted now."""
    served.management().post_to_connection(ConnectionId=connection_id, Data=b"marker")
    return client.recv(timeout=WAIT_SECONDS) == "marker"


def test_no_route_is_forbidden(serve: Serve) -> None:
    """Without a `$default` handler the client reads Forbidden, and stays connected."""
    served = serve(message=None)
    client, connection_id = served.connected()
    client.send("hello")
    frame = client.recv(timeout=WAIT_SECONDS)
    request_id = json.loads(frame)["requestId"]
    assert frame == (
        f'{{"message": "Forbidden", "connectionId":"{connection_id}", "requestId":"{request_id}"}}'
    )
    assert nothing_was_sent(served, client, connection_id)


def test_exit_is_an_error_like_any_other(serve: Serve) -> None:
    """A handler that calls sys.exit() ends its invocation, not the gateway."""

    def leave(event: WebsocketEvent) -> None:
        raise SystemExit(event.body)

    client, _ = serve(message=leave).connected()
    client.send("hello")
    assert "Internal server error" in client.recv(timeout=WAIT_SECONDS)


def test_function_timeout_is_internal_server_error(serve: Serve) -> None:
    """A function's own timeout, if it comes first, is a function error."""
    gate = Gate()
    config = {"lambda_functions": {"websocket_message": {"lambda_timeout": 0.05}}}
    client, _ = serve(message=gate, config=config).connected()
    client.send("hello")
    assert json.loads(client.recv(timeout=WAIT_SECONDS))["message"] == "Internal server error"
    gate.open()


def test_an_empty_text_goes_to_default(serve: Serve) -> None:
    """A message without a body is a message."""
    served = serve()
    client, _ = served.connected()
    client.send("")
    assert served.event("$default")["body"] == ""


def test_fragments_are_one_message(serve: Serve) -> None:
    """A message sent in fragments is one event, also if a character is cut in two."""
    served = serve()
    client, _ = served.connected()
    data = "Grüße".encode()
    client.send([data[:3], data[3:]], text=True)
    assert served.event("$default")["body"] == "Grüße"
    client.send("next")
    assert served.event("$default")["body"] == "next"


def test_binary_frame_closes_with_1003(serve: Serve) -> None:
    """A binary frame is refused, no function sees it."""
    served = serve()
    client, _ = served.connected()
    client.send(b"bytes")
    assert close_code(client) == 1003
    assert served.event("$disconnect")["requestContext"]["disconnectStatusCode"] == 1003
    assert served.saw_nothing("$default")


def test_bad_utf8_closes_with_1007(serve: Serve) -> None:
    """A text frame that is not UTF-8 is refused."""
    client, _ = serve().connected()
    client.send(b"\xff", text=True)
    assert close_code(client) == 1007


def test_protocol_error_closes_with_1002(serve: Serve) -> None:
    """A frame that breaks RFC 6455 closes the connection and disconnects it."""
    served = serve()
    client, _ = served.connected()
    client.socket.sendall(b"\x81\x02hi")
    assert close_code(client) == 1002
    assert served.event("$disconnect")["requestContext"]["disconnectStatusCode"] == 1002


def test_last_message_before_close_is_handled(serve: Serve) -> None:
    """A message right before the close frame still reaches its function."""
    served = serve()
    client, _ = served.connected()
    client.send("last")
    client.close()
    assert served.event("$default")["body"] == "last"


def test_error_frame_after_close_goes_nowhere(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler may fail after its client left, and only its own error is logged."""
    gate = Gate()

    def fail_late(event: WebsocketEvent) -> None:
        gate(event)
        fail(event)

    served = serve(message=fail_late)
    client, _ = served.connected()
    client.send("hello")
    gate.wait_entered()
    client.close()
    served.event("$disconnect")
    gate.open()
    served.stop()
    assert {record.name for record in caplog.records if record.levelno > logging.INFO} == {
        "apigw_local.lambda_.functions"
    }


def test_ping_is_answered(serve: Serve) -> None:
    """The gateway answers pings itself."""
    client, _ = serve().connected()
    assert client.ping().wait(WAIT_SECONDS)


def test_log_tells_events_not_texts(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """Each event is one line with its id and outcome; a message's text is in none."""
    caplog.set_level(logging.INFO, "apigw_local.gateway")
    served = serve()
    client, connection_id = served.connected()
    client.send("secrét")
    served.event("$default")
    client.close()
    served.event("$disconnect")
    served.stop()
    lines = [r.getMessage() for r in caplog.records if r.name == "apigw_local.gateway"]
    assert len(lines) == 4
    assert any(line.startswith(f"connect {connection_id} websocket_connect 101 ") for line in lines)
    assert any(line.endswith(" 7 bytes") for line in lines)
    assert f"close {connection_id} 1000" in lines
    assert any(line.startswith(f"disconnect {connection_id} websocket_disc") for line in lines)
    assert "secr" not in caplog.text
