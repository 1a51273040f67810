"""Signatures as botocore makes them, for any time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.credentials import Credentials, ReadOnlyCredentials


def signed(
    method: str,
    url: str,
    payload: bytes,
    credentials: Credentials | ReadOnlyCredentials,
    now: float,
    *,
    region: str = "us-east-1",
    headers: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the headers of a request to `@connections`, the signature among them.

    Args:
        method: the HTTP method.
        url: the URL, percent-encoded as it will be sent.
        payload: the body.
        credentials: what to sign with.
        now: when, in seconds since 1970.
        region: the API's.
        headers: further ones, which are signed too.
    """
    request = AWSRequest(method=method, url=url, data=payload, headers=dict(headers or {}))
    # What SigV4Auth.add_auth does, but for its own look at the clock.
    timestamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%dT%H%M%SZ")
    request.context["timestamp"] = timestamp
    request.headers["X-Amz-Date"] = timestamp
    if credentials.token:
        request.headers["X-Amz-Security-Token"] = credentials.token
    auth = SigV4Auth(credentials, "execute-api", region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    request.headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={auth.scope(request)},"
        f" SignedHeaders={auth.signed_headers(auth.headers_to_sign(request))},"
        f" Signature={auth.signature(text, request)}"
    )
    return dict(request.headers)
