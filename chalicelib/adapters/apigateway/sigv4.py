"""Signature Version 4 for requests to `@connections`, at a few microseconds each.

A signature covers the path, and the path has the connection's id: so each request has a signature
of its own. All that does not depend on the id is prepared beforehand, down to the state of the two
SHA-256 hashes inside the HMAC after the part that is the same for a second. The rules are AWS's:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hmac
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

if TYPE_CHECKING:
    from chalicelib.adapters.apigateway.endpoint import Endpoint
    from chalicelib.core.model import ConnectionId

SERVICE: Final = "execute-api"
BLOCK: Final = 64
"""Bytes that SHA-256 takes at a time, to which HMAC fills up its key."""

PAYLOADS: Final = 8
"""Payload hashes kept: a room is sent few frames, each to many members."""

_is_plain: Final = re.compile(r"[A-Za-z0-9_=-]*").fullmatch


class AwsCredentials(Protocol):
    """Result of botocore's `get_frozen_credentials`; its keys are never None in practice."""

    @property
    def access_key(self) -> str | None:
        """The name of the key."""

    @property
    def secret_key(self) -> str | None:
        """The key."""

    @property
    def token(self) -> str | None:
        """The session's token, which a role's credentials have."""


class Signer:
    """Makes requests to one endpoint, signed for the time and credentials last set."""

    def __init__(self, endpoint: Endpoint, region: str) -> None:
        self._host = endpoint.host
        self._scope = f"{region}/{SERVICE}/aws4_request"
        self._region = region
        path = f"{endpoint.path}/@connections/"
        # In what is signed, the path is percent-encoded once more than on the wire.
        signed_path = quote(path, safe="/~")
        self._openings = {
            method: (f"{method} {path}".encode(), f"{method}\n{signed_path}".encode())
            for method in ("POST", "GET", "DELETE")
        }
        self._set_for: tuple[int, AwsCredentials] | None = None
        self._payload = functools.lru_cache(PAYLOADS)(_describe)
        self._signing_key = functools.lru_cache(1)(_signing_key)

    def set(self, credentials: AwsCredentials, now: float) -> None:
        """Sign from now on with these credentials, for a time in seconds since 1970."""
        if self._set_for == (int(now), credentials):
            return
        self._set_for = int(now), credentials
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        day = timestamp[:8]
        headers = {"host": self._host, "x-amz-date": timestamp}
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        lines = [f"{name}:{value}" for name, value in headers.items()]
        names = ";".join(headers)
        self._signed_headers = "\n".join(["\n", *lines, "", names, ""]).encode()
        self._headers = "\r\n".join(
            [
                " HTTP/1.1",
                *lines,
                "authorization:AWS4-HMAC-SHA256"
                f" Credential={credentials.access_key}/{day}/{self._scope},"
                f" SignedHeaders={names}, Signature=",
            ]
        ).encode()
        key = self._signing_key(credentials.secret_key, day, self._region).ljust(BLOCK, b"\0")
        to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{day}/{self._scope}\n"
        self._inner = sha256(bytes(byte ^ 0x36 for byte in key) + to_sign.encode())
        self._outer = sha256(bytes(byte ^ 0x5C for byte in key))

    def request(self, method: str, connection_id: ConnectionId, payload: bytes) -> bytes:
        """Return the bytes of a request, signed."""
        opening, signed_opening = self._openings[method]
        if _is_plain(connection_id):
            segment = connection_id.replace("=", "%3D").encode()
        else:
            segment = quote(connection_id, safe="").encode()
        payload_hash, ending = self._payload(payload)
        canonical = b"".join(
            (
                signed_opening,
                segment.replace(b"%", b"%25"),
                self._signed_headers,
                payload_hash,
            )
        )
        inner = self._inner.copy()
        inner.update(sha256(canonical).hexdigest().encode())
        outer = self._outer.copy()
        outer.update(inner.digest())
        signature = outer.hexdigest().encode()
        return b"".join((opening, segment, self._headers, signature, ending, payload))


def _describe(payload: bytes) -> tuple[bytes, bytes]:
    """Return a payload's hash, and the end of the headers of a request that carries it."""
    ending = f"\r\ncontent-length:{len(payload)}\r\n\r\n"
    return sha256(payload).hexdigest().encode(), ending.encode()


def _signing_key(secret_key: str | None, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
