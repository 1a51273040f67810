"""Requests to `@connections` go to the local gateway, whatever endpoint their client has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from apigw_local.aws.botocore_hooks import ManagementHook
from apigw_local.errors import LocalError
from apigw_local.gateway.iam import AccessKey, IamIdentity
from gateway_support.serving import Served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient

AWS = "https://abcdefghij.execute-api.us-east-1.amazonaws.com"


@pytest.fixture
def served() -> Iterator[Served]:
    """A gateway that checks signatures, and so that requests were changed before signing."""
    served = Served(iam_identity=IamIdentity(AccessKey("test", "test")))
    yield served
    served.stop()


@pytest.fixture
def hook(served: Served) -> ManagementHook:
    """Hook that redirects to that gateway."""
    hook = ManagementHook()
    hook.redirect_to(served.gateway.endpoint)
    return hook


def new_session() -> boto3.Session:
    """Make a session with the keys that the gateway accepts."""
    return boto3.Session("test", "test", region_name="us-east-1")


def client(session: boto3.Session, url: str = f"{AWS}/api") -> ApiGatewayManagementApiClient:
    """Make a client of a session for an API on AWS."""
    return session.client("apigatewaymanagementapi", endpoint_url=url)


def test_every_operation_arrives_signed(served: Served, hook: ManagementHook) -> None:
    """Posting, looking at and closing a connection work through a client of an API on AWS."""
    session = new_session()
    hook.listen(session.events)
    management = client(session)
    websocket, connection_id = served.connected()

    management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
    about = management.get_connection(ConnectionId=connection_id)
    management.delete_connection(ConnectionId=connection_id)

    assert websocket.recv(timeout=5) == "hello"
    assert about["Identity"]["SourceIp"] == "127.0.0.1"
    assert served.event("$disconnect")["requestContext"]["disconnectStatusCode"] == 1000
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"again")


def test_the_path_stays(served: Served, hook: ManagementHook) -> None:
    """Another stage is as forbidden as on AWS; only scheme and host are the gateway's."""
    session = new_session()
    hook.listen(session.events)
    management = client(session, f"{AWS}/other")
    _, connection_id = served.connected()

    with pytest.raises(management.exceptions.ForbiddenException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello")


def test_sessions_are_reached_while_it_is_installed(served: Served, hook: ManagementHook) -> None:
    """A session made then sends to the gateway, and twice is not too often."""
    _, connection_id = served.connected()
    hook.install()
    try:
        session = new_session()
    finally:
        hook.remove()
    hook.listen(session.events)

    answer = client(session).get_connection(ConnectionId=connection_id)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_other_services_are_left_alone(hook: ManagementHook) -> None:
    """A request of another service keeps its address."""
    session = new_session()
    hook.listen(session.events)
    queues = session.client("sqs", endpoint_url="https://queues.example")
    seen: list[str] = []

    def refuse(request: Any, **_: Any) -> None:
        seen.append(request.url)
        raise ConnectionRefusedError

    queues.meta.events.register("before-send.sqs", refuse)
    with pytest.raises(ConnectionRefusedError):
        queues.list_queues()

    assert seen == ["https://queues.example/"]


def test_nothing_is_sent_before_the_gateway_runs() -> None:
    """Rather than to AWS, a request made while app.py is imported goes nowhere, and says so."""
    session = new_session()
    ManagementHook().listen(session.events)

    with pytest.raises(LocalError, match="before the local WebSocket API ran"):
        client(session).get_connection(ConnectionId="PJqB0fHsqRcCHlw=")
