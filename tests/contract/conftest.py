"""The posters under test, and the API that they post to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials

from chalicelib.adapters.apigateway.boto3_poster import CLIENT_CONFIG, Boto3Poster
from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.adapters.apigateway.socket_poster import SocketPoster
from tests.support.management_server import Connections
from tests.support.tls import Authority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.core.ports.poster import Poster

CREDENTIALS: Final = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI", "a session's token")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that vouches for the API."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["http", "https"])
def connections(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Connections]:
    """The API to post to."""
    tls = authority.server("127.0.0.1") if request.param == "https" else None
    with Connections(tls) as api:
        yield api


@pytest.fixture
def socket_poster(authority: Authority) -> Iterator[Callable[..., SocketPoster]]:
    """Make posters on sockets of their own, with other options than usual."""
    made = []

    def make(endpoint: str, **options: Any) -> SocketPoster:
        usual: dict[str, Any] = {"credentials": lambda: CREDENTIALS, "tls": authority.trust()}
        poster = SocketPoster(endpoint, "us-east-1", **usual | options)
        made.append(poster)
        return poster

    yield make
    for poster in made:
        poster.shut()


@pytest.fixture
def boto3_poster(authority: Authority) -> Iterator[Callable[..., Boto3Poster]]:
    """Make posters on boto3."""
    clients = []

    def make(endpoint: str, limits: PosterLimits | None = None) -> Boto3Poster:
        client = boto3.client(
            "apigatewaymanagementapi",
            endpoint_url=endpoint,
            config=CLIENT_CONFIG.merge(
                Config(read_timeout=(limits or PosterLimits()).answer_seconds)
            ),
            verify=str(authority.file),
        )
        clients.append(client)
        return Boto3Poster(client)

    yield make
    for client in clients:
        client.close()


@pytest.fixture(params=["socket", "boto3"])
def new_poster(request: pytest.FixtureRequest) -> Callable[..., Poster]:
    """Make posters of either kind, for an endpoint and optional `limits`."""
    make: Callable[..., Poster] = request.getfixturevalue(f"{request.param}_poster")
    return make


@pytest.fixture
def poster(connections: Connections, new_poster: Callable[..., Poster]) -> Poster:
    """The poster under test."""
    return new_poster(connections.endpoint)


def soon(seconds: float = 20) -> float:
    """A deadline."""
    return time.monotonic() + seconds
