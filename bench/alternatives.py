"""Clients to compare: each sends so many posts and returns the number that arrived."""

from __future__ import annotations

import asyncio
import importlib
import re
import ssl
import threading
import time
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.credentials import ReadOnlyCredentials

from bench.servers import run
from chalicelib.adapters.apigateway.boto3_poster import CLIENT_CONFIG, Boto3Poster
from chalicelib.adapters.apigateway.endpoint import Endpoint
from chalicelib.adapters.apigateway.limits import PosterLimits
from chalicelib.adapters.apigateway.sigv4 import Signer
from chalicelib.adapters.apigateway.socket_poster import SocketPoster
from chalicelib.core.model import ConnectionId

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.core.ports.poster import Post, Report

REGION: Final = "us-east-1"
CREDENTIALS: Final = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMIEXAMPLE", None)
FRAME: Final = b"x" * 200
PATIENCE: Final = 120
"""Seconds after which a run is ended, whatever it has done."""

WRK_SECONDS: Final = 5

CRT_SOCKETS: Final = 64

LUA: Final = """
wrk.method = "POST"
wrk.path = "/prod/@connections/PJqB0fHsqRcCHlw%3D"
wrk.body = string.rep("x", 200)
wrk.headers["x-amz-date"] = "20261124T030600Z"
wrk.headers["authorization"] = "AWS4-HMAC-SHA256"
  .. " Credential=AKIDEXAMPLE/20261124/us-east-1/execute-api/aws4_request,"
  .. " SignedHeaders=host;x-amz-date, Signature=" .. string.rep("0", 64)
"""


def posts(count: int) -> Iterator[Post]:
    """One frame to each of many connections."""
    return ((ConnectionId(f"PJq{number:08}HsqR="), FRAME) for number in range(count))


def fanfare(url: str, count: int, pem: Path) -> int:
    """Post with this project's own sockets, TLS handshakes included."""
    tls = ssl.create_default_context(cafile=pem)
    poster = SocketPoster(url, REGION, lambda: CREDENTIALS, tls=tls)
    report = poster.post(posts(count), time.monotonic() + PATIENCE)
    poster.shut()
    return _checked(report, count)


def boto3_client(url: str, pem: Path) -> Any:
    """Make boto3's client, as `Boto3Poster` wants it, which trusts a certificate."""
    return boto3.client(
        "apigatewaymanagementapi",
        region_name=REGION,
        aws_access_key_id=CREDENTIALS.access_key,
        aws_secret_access_key=CREDENTIALS.secret_key,
        endpoint_url=url,
        verify=str(pem),
        config=CLIENT_CONFIG,
    )


def boto3_threads(url: str, count: int, pem: Path) -> int:
    """Post with boto3 from 64 threads."""
    client = boto3_client(url, pem)
    report = Boto3Poster(client).post(posts(count), time.monotonic() + PATIENCE)
    client.close()
    return _checked(report, count)


def aiobotocore(url: str, count: int, pem: Path) -> int:
    """Post with boto3's asynchronous sibling, 64 at a time."""
    session_type = importlib.import_module("aiobotocore.session").AioSession
    config_type = importlib.import_module("aiobotocore.config").AioConfig

    async def post_all() -> None:
        async with session_type().create_client(
            "apigatewaymanagementapi",
            region_name=REGION,
            aws_access_key_id=CREDENTIALS.access_key,
            aws_secret_access_key=CREDENTIALS.secret_key,
            endpoint_url=url,
            verify=str(pem),
            config=config_type(max_pool_connections=64, retries={"total_max_attempts": 1}),
        ) as client:
            left = posts(count)

            async def post_some() -> None:
                for connection_id, frame in left:
                    await client.post_to_connection(ConnectionId=connection_id, Data=frame)

            await asyncio.wait_for(asyncio.gather(*(post_some() for _ in range(64))), PATIENCE)

    asyncio.run(post_all())
    return count


def awscrt(url: str, count: int, pem: Path) -> int:
    """Post with the AWS common runtime's HTTP client, in C, and this project's signatures."""
    http, io = importlib.import_module("awscrt.http"), importlib.import_module("awscrt.io")
    endpoint = Endpoint.parse(url)
    signer = Signer(endpoint, REGION)
    bootstrap = io.ClientBootstrap(group := io.EventLoopGroup(1), io.DefaultHostResolver(group))
    tls = None
    if endpoint.secure:
        options = io.TlsContextOptions()
        # Without the key, which stands in the same file, and which it does not expect.
        options.override_default_trust_store(pem.with_name(f"{pem.name}.crt").read_bytes())
        tls = io.ClientTlsContext(options).new_connection_options()
        tls.set_server_name(endpoint.name)
    left, done, answered = posts(count), threading.Event(), 0

    def post_next(connection: Any) -> None:
        """Send the next request, from the client's own thread, once the last is answered."""
        post = next(left, None)
        if post is None:
            return
        signer.set(CREDENTIALS, time.time())
        head = signer.request("POST", *post).split(b"\r\n\r\n")[0].decode()
        line, *headers = head.split("\r\n")
        request = http.HttpRequest(
            "POST",
            line.split(" ")[1],
            http.HttpHeaders([tuple(header.split(":", 1)) for header in headers]),
            BytesIO(post[1]),
        )
        stream = connection.request(request)
        stream.completion_future.add_done_callback(lambda future: ended(connection, future))
        stream.activate()

    def ended(connection: Any, future: Any) -> None:
        nonlocal answered
        if future.exception() is None and future.result() == HTTPStatus.OK:
            answered += 1
        if answered == count or future.exception() is not None:
            done.set()
        post_next(connection)

    opening = [
        http.HttpClientConnection.new(
            endpoint.name, endpoint.port, bootstrap, tls_connection_options=tls
        )
        for _ in range(CRT_SOCKETS)
    ]
    connections = [one.result(PATIENCE) for one in opening]
    for connection in connections:
        post_next(connection)
    done.wait(PATIENCE)
    for connection in connections:
        connection.close().result(PATIENCE)
    if answered != count:
        raise RuntimeError(f"{count - answered} posts failed.")
    return count


def wrk(url: str, _count: int, pem: Path) -> int:
    """Send one unsigned request over and over from C, for a fixed time."""
    script = pem.with_name("post.lua")
    script.write_text(LUA)
    sockets = f"-c{PosterLimits().sockets}"
    output = run("wrk", "-t1", sockets, f"-d{WRK_SECONDS}s", "-s", str(script), url)
    found = re.search(r"(\d+) requests in", output)
    if not found:
        raise RuntimeError(f"wrk says nothing of how many requests it sent: {output}")
    return int(found[1])


def _checked(report: Report, count: int) -> int:
    if len(report.delivered) != count:
        raise RuntimeError(f"{count - len(report.delivered)} posts failed: {report.complaints}")
    return count
