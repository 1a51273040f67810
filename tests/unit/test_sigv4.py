"""Signatures equal botocore's for the same request."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from botocore.credentials import ReadOnlyCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.apigateway.endpoint import Endpoint
from chalicelib.adapters.apigateway.sigv4 import Signer
from chalicelib.core.model import ConnectionId
from tests.support.signing import signed

SECRET = ReadOnlyCredentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
NOON = 1_800_000_000
MIDNIGHT = NOON - NOON % 86_400 + 86_400

# Ids of one or two dots are left out: a path of dots is resolved before it is signed.
ids = st.one_of(
    st.text("ABCxyz019-_=", min_size=1, max_size=20),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda text: text not in (".", "..")
    ),
).map(ConnectionId)
words = st.text("ABCxyz019/+=", min_size=1, max_size=40)
endpoints = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(
        ["abc.execute-api.eu-central-1.amazonaws.com", "LOCALHOST", "10.0.0.1", "[::1]"]
    ),
    st.sampled_from(["", ":80", ":443", ":8001"]),
    st.sampled_from(["", "/", "/prod", "/a~b/c-d_e.f", "/a%20b"]),
)


def expected(
    endpoint: str,
    credentials: ReadOnlyCredentials,
    now: float,
    method: str,
    connection_id: ConnectionId,
    payload: bytes,
) -> str:
    """The Authorization header that botocore makes for a request to a connection."""
    segment = quote(connection_id, safe="-._~")  # botocore.serialize's rule for a path parameter
    url = f"{endpoint.rstrip('/')}/@connections/{segment}"
    signing = signed(method, url, payload, credentials, now, region="eu-central-1")
    return signing["Authorization"]


def headers(request: bytes) -> dict[str, str]:
    """The headers of a request, by their names in lower case."""
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(":") for line in lines)}


@settings(deadline=None)
@given(
    endpoint=endpoints,
    credentials=st.builds(ReadOnlyCredentials, words, words, st.none() | words),
    now=st.floats(0, 4e9),
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    connection_id=ids,
    payload=st.binary(max_size=100),
)
def test_signatures_equal_botocores(
    endpoint: str,
    credentials: ReadOnlyCredentials,
    now: float,
    method: str,
    connection_id: ConnectionId,
    payload: bytes,
) -> None:
    """Signatures are botocore's for any endpoint, credentials, time, id and payload."""
    signer = Signer(Endpoint.parse(endpoint), "eu-central-1")
    signer.set(credentials, now)
    request = signer.request(method, connection_id, payload)
    assert headers(request)["authorization"] == expected(
        endpoint, credentials, now, method, connection_id, payload
    )


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(MIDNIGHT - 3, MIDNIGHT + 3), st.booleans(), ids)))
def test_what_is_kept_does_not_outlive_its_time(
    uses: list[tuple[int, bool, ConnectionId]],
) -> None:
    """One signer, over seconds, days and rotations, signs as a new one would."""
    signer = Signer(Endpoint.parse("https://a.test/prod"), "eu-central-1")
    rotated = ReadOnlyCredentials("AKIDOTHER", "another", "token")
    for now, is_rotated, connection_id in uses:
        credentials = rotated if is_rotated else SECRET
        payload = connection_id.encode()
        signer.set(credentials, now)
        request = signer.request("POST", connection_id, payload)
        assert headers(request)["authorization"] == expected(
            "https://a.test/prod", credentials, now, "POST", connection_id, payload
        )


def test_a_request_is_what_http_wants() -> None:
    """The request's line, headers and body, in full."""
    signer = Signer(Endpoint.parse("https://a.test/prod"), "eu-central-1")
    signer.set(SECRET, NOON)
    authorization = expected(
        "https://a.test/prod", SECRET, NOON, "POST", ConnectionId("AbC-_d="), b"hi"
    )
    assert signer.request("POST", ConnectionId("AbC-_d="), b"hi").decode().split("\r\n") == [
        "POST /prod/@connections/AbC-_d%3D HTTP/1.1",
        "host:a.test",
        "x-amz-date:20270115T080000Z",
        f"authorization:{authorization}",
        "content-length:2",
        "",
        "hi",
    ]


def test_the_body_is_the_payload() -> None:
    """Every byte of a large payload is sent, and its length told."""
    payload = bytes(range(256)) * 512
    signer = Signer(Endpoint.parse("https://a.test/prod"), "eu-central-1")
    signer.set(SECRET, NOON)
    top, _, body = signer.request("POST", ConnectionId("A"), payload).partition(b"\r\n\r\n")
    assert b"\r\ncontent-length:131072" in top
    assert hashlib.sha256(body).digest() == hashlib.sha256(payload).digest()


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://a.test/prod/", Endpoint(True, "a.test", 443, "a.test", "/prod")),  # noqa: FBT003
        ("http://A.test:80", Endpoint(False, "a.test", 80, "a.test", "")),  # noqa: FBT003
        ("http://[::1]:8001/x", Endpoint(False, "::1", 8001, "[::1]:8001", "/x")),  # noqa: FBT003
    ],
)
def test_an_endpoint_is_taken_apart(url: str, endpoint: Endpoint) -> None:
    """The Host header names a port only where it is not the scheme's own, as botocore's does."""
    assert Endpoint.parse(url) == endpoint


@pytest.mark.parametrize("url", ["a.test/prod", "wss://a.test/prod", "https:///prod", ""])
def test_what_is_no_endpoint_is_refused(url: str) -> None:
    """The error names the URL."""
    with pytest.raises(ValueError, match=repr(url)):
        Endpoint.parse(url)
