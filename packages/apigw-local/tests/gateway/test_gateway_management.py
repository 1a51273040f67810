"""`@connections`, as boto3 sees it and byte by byte."""

import http.client
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from gateway_support.serving import WAIT_SECONDS, Served

Serve = Callable[..., Served]

UNKNOWN = "AAAAAAAAAAAAAAA="


def test_posts_keep_their_order(serve: Serve) -> None:
    """Posts made one after another arrive in that order."""
    served = serve()
    client, connection_id = served.connected()
    management = served.management()
    for number in range(50):
        management.post_to_connection(ConnectionId=connection_id, Data=str(number).encode())
    assert [client.recv(timeout=WAIT_SECONDS) for _ in range(50)] == [str(n) for n in range(50)]


def test_post_is_200_and_delete_204_without_a_body(serve: Serve) -> None:
    """Both answers are empty, with AWS's headers, and only the first one has a type."""
    served = serve()
    _, connection_id = served.connected()
    path = f"/api/@connections/{connection_id}"
    for method, status, length, kind in [
        ("POST", 200, "0", "application/json"),
        ("DELETE", 204, None, None),
    ]:
        answer, content = served.call(method, path, b"hello" if method == "POST" else b"")
        assert (answer.status, content) == (status, b"")
        assert answer.headers["content-length"] == length
        assert answer.headers["content-type"] == kind
        assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
        assert re.fullmatch(r"[\w-]{15}=", answer.headers["x-amz-apigw-id"])
        assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")


@pytest.mark.parametrize(
    "template",
    ["/api/@connections/{raw}", "/api/%40connections/{quoted}", "/api/@connections/{quoted}"],
)
def test_paths_are_percent_decoded(serve: Serve, template: str) -> None:
    """`@` and `=` may be raw or percent-encoded."""
    served = serve()
    client, connection_id = served.connected()
    path = template.format(raw=connection_id, quoted=connection_id.replace("=", "%3D"))
    assert served.call("POST", path, b"hello")[0].status == 200
    assert client.recv(timeout=WAIT_SECONDS) == "hello"


def test_empty_post_is_an_empty_message(serve: Serve) -> None:
    """A post without a body is an empty text message, which is a guess."""
    served = serve()
    client, connection_id = served.connected()
    assert served.call("POST", f"/api/@connections/{connection_id}")[0].status == 200
    assert client.recv(timeout=WAIT_SECONDS) == ""


def test_get_describes_the_connection(serve: Serve) -> None:
    """boto3 reads identity and times from GET."""
    served = serve()
    _, connection_id = served.connected(user_agent_header="tester/1")
    description = served.management().get_connection(ConnectionId=connection_id)
    now = datetime.now(UTC)
    assert description["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tester/1"}
    for key in ("ConnectedAt", "LastActiveAt"):
        assert abs(description[key] - now) < timedelta(seconds=10)


def test_get_has_lower_camel_keys_and_iso_times(serve: Serve) -> None:
    """The body of GET has lowerCamel keys, ISO times and AWS's blanks."""
    served = serve()
    _, connection_id = served.connected(user_agent_header="tester/1")
    answer, content = served.call("GET", f"/api/@connections/{connection_id}")
    assert answer.status == 200
    time = r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'
    assert re.fullmatch(
        "{\n"
        f'  "connectedAt" : {time},\n'
        '  "identity" : {\n'
        '    "sourceIp" : "127.0.0.1",\n'
        '    "userAgent" : "tester/1"\n'
        "  },\n"
        f'  "lastActiveAt" : {time}\n'
        "}",
        content.decode(),
    )


def test_last_active_moves(serve: Serve) -> None:
    """A post counts as activity."""
    served = serve()
    _, connection_id = served.connected()
    management = served.management()
    before = management.get_connection(ConnectionId=connection_id)["LastActiveAt"]
    while True:
        management.post_to_connection(ConnectionId=connection_id, Data=b"x")
        if management.get_connection(ConnectionId=connection_id)["LastActiveAt"] > before:
            break


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_unknown_id_is_gone(serve: Serve, method: str) -> None:
    """A well-formed id without a connection is 410, empty but for the error type's header."""
    served = serve()
    answer, content = served.call(method, f"/api/@connections/{UNKNOWN}")
    assert (answer.status, content) == (410, b"")
    assert answer.headers["x-amzn-errortype"] == "GoneException"
    assert answer.headers["content-type"] == "application/json"
    management = served.management()
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=UNKNOWN, Data=b"hello")


@pytest.mark.parametrize("connection_id", ["short", "A" * 16, "A" * 15 + "==", "A/AAAAAAAAAAAAA="])
def test_malformed_id_is_bad_request(serve: Serve, connection_id: str) -> None:
    """An id of another form is 400, and the answer names it."""
    served = serve()
    answer, content = served.call("POST", f"/api/@connections/{quote(connection_id, safe='')}")
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "BadRequestException"
    assert json.loads(content) == {"message": f"Invalid connectionId: {connection_id}"}
    # The service's model lacks this error, so botocore has no class for it.
    with pytest.raises(ClientError) as bad:
        served.management().get_connection(ConnectionId=connection_id)
    assert bad.value.response["Error"]["Code"] == "BadRequestException"


@pytest.mark.parametrize("stage", ["", "/dev", "/api/more"])
def test_without_the_stage_is_forbidden(serve: Serve, stage: str) -> None:
    """Without the stage, or with another, boto3 raises ForbiddenException."""
    served = serve()
    _, connection_id = served.connected()
    management = served.management(served.gateway.endpoint.removesuffix("/api") + stage)
    with pytest.raises(management.exceptions.ForbiddenException) as forbidden:
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
    assert forbidden.value.response["Error"]["Message"] == "Forbidden"


def test_delete_closes_with_1000_and_disconnects(serve: Serve) -> None:
    """DELETE answers 204, closes with 1000, runs `$disconnect`, and the id is gone at once."""
    served = serve()
    client, connection_id = served.connected()
    answer, content = served.call("DELETE", f"/api/@connections/{connection_id}")
    assert (answer.status, content) == (204, b"")
    assert "content-type" not in answer.headers
    assert served.call("POST", f"/api/@connections/{connection_id}", b"late")[0].status == 410
    context = served.event("$disconnect")["requestContext"]
    assert context["connectionId"] == connection_id
    assert context["disconnectStatusCode"] == 1000
    assert context["disconnectReason"] == "Connection Closed Normally"
    assert list(client) == []
    assert client.close_code == 1000


def test_other_methods_are_forbidden(serve: Serve) -> None:
    """PUT is not part of the API."""
    assert serve().call("PUT", f"/api/@connections/{UNKNOWN}")[0].status == 403


def test_post_with_another_upgrade_is_refused(serve: Serve) -> None:
    """A client that offers HTTP/2 is refused, since a body may not follow an upgrade."""
    served = serve()
    _, connection_id = served.connected()
    http_client = http.client.HTTPConnection(served.gateway.endpoint.split("/")[2], timeout=5)
    headers = {"Connection": "Upgrade", "Upgrade": "h2c"}
    http_client.request("POST", f"/api/@connections/{connection_id}", b"hello", headers)
    assert http_client.getresponse().status == 403
    http_client.close()


def test_requests_may_be_pipelined(serve: Serve) -> None:
    """Requests sent without waiting are answered in order, on one connection kept open."""
    served = serve()
    client, connection_id = served.connected()
    path = f"/api/@connections/{connection_id}"
    http_client = http.client.HTTPConnection(served.gateway.endpoint.split("/")[2], timeout=5)
    for number in range(3):
        http_client.request("POST", path, str(number).encode())
        assert http_client.getresponse().read() == b""
    http_client.sock.sendall(f"POST {path} HTTP/1.1\r\nContent-Length: 1\r\n\r\n3".encode() * 2)
    received = b""
    while received.count(b"HTTP/1.1 200 OK") < 2:
        received += http_client.sock.recv(4096)
    http_client.close()
    assert [client.recv(timeout=WAIT_SECONDS) for _ in range(5)] == ["0", "1", "2", "3", "3"]
