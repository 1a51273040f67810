"""The upgrade: `$connect` decides, over HTTP, before any socket opens."""

import http.client
import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Response
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from apigw_local.gateway import Quotas
from apigw_local.gateway.routing import Route, Routes
from gateway_support.serving import Gate, Served, bare

Serve = Callable[..., Served]

UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: chat.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def address(served: Served) -> tuple[str, int]:
    """Return the gateway's host and port."""
    host, port = served.gateway.url.split("/")[2].split(":")
    return host, int(port)


def upgrade(served: Served, path: str = "/api") -> socket.socket:
    """Send an upgrade request and leave the answer to be read."""
    client = socket.create_connection(address(served), timeout=5)
    client.sendall(UPGRADE.format(path=path).encode())
    return client


def refusal(served: Served, **options: Any) -> InvalidStatus:
    """Connect, which must be refused."""
    with pytest.raises(InvalidStatus) as refused:
        served.connect(**options)
    return refused.value


def test_connect_finishes_before_101(serve: Serve) -> None:
    """No byte of an answer is sent while `$connect` runs, and 101 after it."""
    gate = Gate()
    served = serve(connect=gate)
    with upgrade(served) as client:
        gate.wait_entered()
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)
        gate.open()
        client.settimeout(5)
        assert client.recv(12) == b"HTTP/1.1 101"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 501])
def test_refusal_passes_status_but_not_body(serve: Serve, status: int) -> None:
    """Any other status becomes the HTTP status; the function's body and headers do not show."""
    secret = Response(body="secret", status_code=status, headers={"x-secret": "secret"})
    served = serve(connect=lambda _: secret)
    response = refusal(served).response
    assert response.status_code == status
    assert b"secret" not in response.serialize()
    context = served.event("$connect")["requestContext"]
    body = json.loads(response.body)
    assert body["connectionId"] == context["connectionId"]
    assert body["requestId"] == context["requestId"]


@pytest.mark.parametrize(
    "result",
    [None, "text", [200], {}, {"body": "hello"}]
    + [{"statusCode": status} for status in (None, "soon", 99, 600, [200])]
    + [
        {"statusCode": 200, "headers": headers}
        for headers in ("text", {"Sec-WebSocket-Protocol": "v1\r\nX: y"})
    ],
)
def test_bad_shape_gives_502(serve: Serve, result: Any) -> None:
    """A result without a usable statusCode is a bad gateway, which is inferred."""
    served = serve(routes=Routes({"$connect": Route(bare(lambda _: result))}))
    assert refusal(served).response.status_code == 502


def test_unserialisable_result_gives_502(serve: Serve) -> None:
    """A result that JSON cannot carry is a function error, as on Lambda."""
    served = serve(connect=lambda _: {"statusCode": 200, "body": {1, 2}})
    assert refusal(served).response.status_code == 502


def test_connect_timeout_gives_504(serve: Serve) -> None:
    """A `$connect` slower than the gateway waits is a gateway timeout, which is inferred."""
    gate = Gate()
    served = serve(connect=gate, quotas=Quotas(integration_seconds=0.05))
    assert refusal(served).response.status_code == 504
    gate.open()


def test_no_connect_route_accepts(serve: Serve) -> None:
    """Without a `$connect` handler every upgrade succeeds."""
    served = serve(connect=None)
    with served.connect() as client:
        client.send("hello")
        assert served.event("$default")["body"] == "hello"


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "sec-websocket-protocol", None])
def test_subprotocol_comes_from_the_handler_only(serve: Serve, name: str | None) -> None:
    """The handler's subprotocol is selected, in any spelling of the header; else none is."""
    headers = {name: "v2"} if name else {}
    served = serve(connect=lambda _: {"statusCode": 200, "headers": headers})
    with served.connect(subprotocols=[Subprotocol("v1"), Subprotocol("v2")]) as client:
        assert client.subprotocol == ("v2" if name else None)
        assert client.response is not None
        assert ("Sec-WebSocket-Protocol" in client.response.headers) is bool(name)


def test_no_compression(serve: Serve) -> None:
    """An offered permessage-deflate shows in the event, and is not negotiated (inferred)."""
    served = serve()
    with served.connect(compression="deflate") as client:
        assert client.protocol.extensions == []
    assert "permessage-deflate" in served.event("$connect")["headers"]["Sec-WebSocket-Extensions"]


@pytest.mark.parametrize(
    ("path", "opens"),
    [("/api", True), ("/api/", True), ("/api?a=b", True)]
    + [(path, False) for path in ("/", "/other", "/api/room", "/apis", "/API")],
)
def test_only_the_stage_can_be_connected_to(serve: Serve, path: str, opens: bool) -> None:  # noqa: FBT001 - a case
    """The stage is found, with a trailing slash or a query too; any other path is forbidden."""
    served = serve()
    with upgrade(served, path) as client:
        answer = client.recv(4096)
    if opens:
        assert answer.startswith(b"HTTP/1.1 101 ")
    else:
        assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
        assert answer.endswith(b'{"message": "Forbidden"}')
        assert served.saw_nothing("$connect")


def test_plain_get_needs_upgrade(serve: Serve) -> None:
    """A browser that opens the URL is told to upgrade, and no function runs."""
    served = serve()
    client = http.client.HTTPConnection(*address(served), timeout=5)
    client.request("GET", "/api")
    assert client.getresponse().status == 426
    assert served.saw_nothing("$connect")
    client.close()


@pytest.mark.parametrize(
    ("path", "status"), [("/api?q=" + "x" * 4096, 414), ("/api", 431)], ids=["url", "headers"]
)
def test_long_requests_are_refused(serve: Serve, path: str, status: int) -> None:
    """URL and headers have limits of their own."""
    served = serve()
    client = http.client.HTTPConnection(*address(served), timeout=5)
    client.request("GET", path, headers={"X-Long": "x" * (10_240 if status == 431 else 1)})
    assert client.getresponse().status == status
    client.close()


def test_garbage_is_a_bad_request(serve: Serve) -> None:
    """Bytes that are not HTTP are answered 400, and the connection is closed."""
    with socket.create_connection(address(serve()), timeout=5) as client:
        client.sendall(b"this is not HTTP\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_client_gone_during_connect_is_disconnected_once(serve: Serve) -> None:
    """A client that left while `$connect` said yes gets exactly one `$disconnect`."""
    gate = Gate()
    served = serve(connect=gate)
    upgrade(served).close()
    gate.wait_entered()
    connection_id = served.event("$connect")["requestContext"]["connectionId"]
    gate.open()
    context = served.event("$disconnect")["requestContext"]
    assert context["connectionId"] == connection_id
    assert context["disconnectStatusCode"] == 1006
    served.gateway.stop()
    assert served.saw_nothing("$disconnect")


def test_frames_before_101_are_kept(serve: Serve) -> None:
    """A frame sent too early is handled once the connection is open, and so are later ones."""
    gate = Gate()
    served = serve(connect=gate)
    with upgrade(served) as client:
        gate.wait_entered()
        client.sendall(b"\x81\x82\x00\x00\x00\x00hi")
        gate.open()
        assert served.event("$default")["body"] == "hi"
        client.sendall(b"\x81\x82\x00\x00\x00\x00ho")
        assert served.event("$default")["body"] == "ho"


def test_connects_run_side_by_side(serve: Serve) -> None:
    """A slow `$connect` holds up no other client."""
    gate = Gate()
    served = serve(connect=gate)
    clients = [upgrade(served) for _ in range(20)]
    for _ in clients:
        gate.wait_entered()
    assert threading.active_count() > 20
    gate.open()
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 101"
        client.close()
