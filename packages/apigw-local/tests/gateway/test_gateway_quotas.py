"""Quotas: sizes, idle time, lifetime and a client that does not read."""

import socket
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import pytest
from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from apigw_local.gateway import Quotas
from gateway_support.serving import WAIT_SECONDS, Served

Serve = Callable[..., Served]

# More than the kernel keeps on its own for a socket that nobody reads.
BUFFER_BYTES = 8 * 1024 * 1024


def closing(client: ClientConnection) -> tuple[int, str]:
    """Wait for the close frame: its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=WAIT_SECONDS)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code, closed.value.rcvd.reason


def disconnect_code(served: Served) -> int:
    """The code that the next `$disconnect` reports."""
    code: int = served.event("$disconnect")["requestContext"]["disconnectStatusCode"]
    return code


def post_for_ever(
    management: ApiGatewayManagementApiClient,
    connection_id: str,
    data: bytes,
    posted: list[int] | None = None,
) -> NoReturn:
    """Post until that raises, and note the length of each post that succeeded."""
    while True:
        management.post_to_connection(ConnectionId=connection_id, Data=data)
        if posted is not None:
            posted.append(len(data))


def slow_reader(served: Served) -> tuple[ClientConnection, str]:
    """A client for which little fits between the gateway's buffer and what it has read."""
    host, port = served.gateway.url.split("/")[2].split(":")
    slow_socket = socket.socket()
    slow_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow_socket.connect((host, int(port)))
    return served.connected(sock=slow_socket, max_queue=1)


def test_defaults_are_those_of_aws() -> None:
    """Nothing is looser or tighter than the quotas page says."""
    quotas = Quotas()
    assert (quotas.frame_bytes, quotas.message_bytes, quotas.post_bytes) == (
        32_768,
        131_072,
        131_072,
    )
    assert (quotas.idle_seconds, quotas.lifetime_seconds) == (600, 7200)
    assert quotas.integration_seconds == 29
    assert (quotas.new_connections_per_second, quotas.new_connections_burst) == (500, 500)
    assert (quotas.requests_per_second, quotas.requests_burst) == (10_000, 5_000)


def test_frame_above_32_kb_closes_with_1009(serve: Serve) -> None:
    """A frame of 32 KB passes, one byte more closes with 1009."""
    served = serve()
    client, _ = served.connected()
    client.send("x" * 32_768)
    assert len(served.event("$default")["body"]) == 32_768
    client.send("x" * 32_769)
    assert closing(client)[0] == 1009
    assert disconnect_code(served) == 1009
    assert served.saw_nothing("$default")


def test_much_too_long_frame_still_reads_the_reason(serve: Serve) -> None:
    """A client that is still sending when it is refused reads 1009, not a reset."""
    client, _ = serve().connected()
    client.send("x" * 8_000_000)
    assert closing(client)[0] == 1009


def test_idle_closes_with_1001(serve: Serve) -> None:
    """A connection without messages is closed, pings or not."""
    served = serve(quotas=Quotas(idle_seconds=0.1))
    client, _ = served.connected(ping_interval=0.01)
    assert closing(client) == (1001, "Going away")
    context = served.event("$disconnect")["requestContext"]
    assert context["disconnectStatusCode"] == 1001
    assert context["disconnectReason"] == "Going away"


@pytest.mark.parametrize("direction", ["in", "out"])
def test_messages_either_way_keep_a_connection(serve: Serve, direction: str) -> None:
    """Messages in or out restart the idle time, until they stop."""
    served = serve(quotas=Quotas(idle_seconds=0.2))
    client, connection_id = served.connected()
    management = served.management()
    started = time.monotonic()
    while time.monotonic() - started < 0.5:
        if direction == "in":
            client.send("x")
            served.event("$default")
        else:
            management.post_to_connection(ConnectionId=connection_id, Data=b"x")
            client.recv(timeout=WAIT_SECONDS)
    assert served.saw_nothing("$disconnect")
    assert closing(client)[0] == 1001


def test_slow_reader_is_limited_and_recovers(serve: Serve) -> None:
    """Posts to a client with a full buffer get 429, others go on, and so does it once it reads."""
    served = serve(quotas=Quotas(buffer_bytes=BUFFER_BYTES))
    other, other_id = served.connected()
    slow, slow_id = slow_reader(served)
    management = served.management()
    posted: list[int] = []
    with pytest.raises(management.exceptions.LimitExceededException):
        post_for_ever(management, slow_id, b"x" * 131_072, posted)
    management.post_to_connection(ConnectionId=other_id, Data=b"hello")
    assert other.recv(timeout=WAIT_SECONDS) == "hello"
    assert sum(posted) > BUFFER_BYTES
    for _ in posted:
        assert len(slow.recv(timeout=WAIT_SECONDS)) == 131_072
    slow.ping().wait(WAIT_SECONDS)
    management.post_to_connection(ConnectionId=slow_id, Data=b"caught up")
    assert slow.recv(timeout=WAIT_SECONDS) == "caught up"


def test_stop_lets_a_slow_reader_catch_up(serve: Serve) -> None:
    """Posts made before the gateway stops are still delivered, then the close frame."""
    served = serve(quotas=Quotas(buffer_bytes=BUFFER_BYTES))
    slow, slow_id = slow_reader(served)
    management = served.management()
    for _ in range(50):
        management.post_to_connection(ConnectionId=slow_id, Data=b"x" * 131_072)
    stopping = threading.Thread(target=served.gateway.stop)
    stopping.start()
    assert len(list(slow)) == 50
    assert slow.close_code == 1001
    stopping.join()


def test_client_that_ignores_the_close_frame_is_cut(serve: Serve) -> None:
    """TCP ends even if the client never answers the close frame."""
    served = serve(quotas=Quotas(closing_seconds=0.05, idle_seconds=0.05))
    host, port = served.gateway.url.split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(
            b"GET /api HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        received = b""
        while data := client.recv(4096):
            received += data
    assert received.endswith(b"\x88\x0c\x03\xe9Going away")
    assert disconnect_code(served) == 1001
