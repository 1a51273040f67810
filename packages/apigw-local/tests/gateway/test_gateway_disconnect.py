"""`$disconnect`: once for every connection that was accepted, with what is known of its end."""

import socket
import struct
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from chalice.app import WebsocketEvent

from gateway_support.serving import WAIT_SECONDS, Served

Serve = Callable[..., Served]


@pytest.mark.parametrize("linger", [None, 0], ids=["end of file", "reset"])
def test_vanished_client_is_1006(serve: Serve, linger: int | None) -> None:
    """A client whose TCP connection ends without a close frame is disconnected."""
    served = serve()
    client, _ = served.connected()
    if linger is not None:
        option = struct.pack("ii", 1, linger)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        client.socket.close()
    else:
        client.socket.shutdown(socket.SHUT_RDWR)
    context = served.event("$disconnect")["requestContext"]
    assert context["disconnectStatusCode"] == 1006


def test_messages_after_delete_are_ignored(serve: Serve) -> None:
    """A message sent before the client has read the close frame reaches no function."""
    served = serve()
    client, connection_id = served.connected()
    with client.protocol_mutex:  # so the client can't answer the close frame before its message
        served.management().delete_connection(ConnectionId=connection_id)
        client.socket.sendall(b"\x81\x82\x00\x00\x00\x00hi")
    assert list(client) == []
    served.stop()
    assert served.saw_nothing("$default")


def test_post_from_disconnect_is_gone(serve: Serve) -> None:
    """A connection is gone already while its `$disconnect` runs."""
    codes: list[str] = []

    def wave(event: WebsocketEvent) -> None:
        try:
            served.management().post_to_connection(ConnectionId=event.connection_id, Data=b"bye")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])

    served = serve(disconnect=wave)
    client, _ = served.connected()
    client.close()
    served.stop()
    assert codes == ["GoneException"]


def test_failing_disconnect_has_no_effect(serve: Serve) -> None:
    """A `$disconnect` that raises is not repeated, and disturbs nobody."""

    def fail(event: WebsocketEvent) -> None:
        raise RuntimeError(event.connection_id)

    served = serve(disconnect=fail)
    other, other_id = served.connected()
    client, _ = served.connected()
    client.close()
    served.event("$disconnect")
    assert served.functions.shutdown(WAIT_SECONDS)
    served.management().post_to_connection(ConnectionId=other_id, Data=b"still here")
    assert other.recv(timeout=WAIT_SECONDS) == "still here"
    assert served.saw_nothing("$disconnect")


def test_no_disconnect_route(serve: Serve) -> None:
    """An app without `$disconnect` does without."""
    served = serve(disconnect=None)
    client, connection_id = served.connected()
    client.close()
    management = served.management()
    with pytest.raises(management.exceptions.GoneException):
        management.get_connection(ConnectionId=connection_id)
