"""Signatures of requests, version 4, computed by the one who checks them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
botocore's own signer would do, but it takes three times as long, a third of a post's time.
"""

import functools
import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from apigw_local.gateway.call import Call

ALGORITHM = "AWS4-HMAC-SHA256"

_AUTHORIZATION = re.compile(
    rf"{ALGORITHM}\s+Credential=([^/\s,]+)/([^\s,]+),\s*"
    r"SignedHeaders=([^\s,]+),\s*Signature=([0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Authorization:
    """What an Authorization header says.

    Attributes:
        access_key: The name of the key.
        scope: Day, region, service and terminator, with slashes between.
        signed_headers: The names of the headers that are signed, in their order.
        signature: What the sender computed.
    """

    access_key: str
    scope: str
    signed_headers: tuple[str, ...]
    signature: str

    @classmethod
    def parse(cls, header: str) -> "Authorization | None":
        """Read the header's value; None if it is no signature of this version."""
        found = _AUTHORIZATION.fullmatch(header)
        if found is None:
            return None
        access_key, scope, signed_headers, signature = found.groups()
        return cls(access_key, scope, tuple(signed_headers.split(";")), signature)

    def matches(self, call: Call, timestamp: str, secret_key: str) -> bool:
        """Whether the call was signed so with this key.

        Args:
            call: What was signed.
            timestamp: When, as in its ``X-Amz-Date`` header.
            secret_key: The key of that name.
        """
        canonical = _canonical(call, self.signed_headers)
        to_sign = f"{ALGORITHM}\n{timestamp}\n{self.scope}\n{sha256(canonical).hexdigest()}"
        key = _signing_key(secret_key, self.scope)
        expected = hmac.digest(key, to_sign.encode(), "sha256").hex()
        return hmac.compare_digest(expected, self.signature)


def _canonical(call: Call, signed_headers: tuple[str, ...]) -> bytes:
    path, _, query = call.target.partition(b"?")
    parameters = (pair.partition("=")[::2] for pair in query.decode("latin-1").split("&") if pair)
    lines = [
        call.method,
        _twice_encoded(path),
        "&".join(f"{name}={value}" for name, value in sorted(parameters)),
        *[f"{name}:{' '.join(call.headers.get(name, '').split())}" for name in signed_headers],
        "",
        ";".join(signed_headers),
        call.body_hash,
    ]
    return "\n".join(lines).encode("latin-1")


@functools.lru_cache(maxsize=10_000)  # a broadcast is a post to each of many connections
def _twice_encoded(path: bytes) -> str:
    """The path as it is signed: percent-encoded once more than what is sent."""
    return quote(path, safe="/~")


@functools.lru_cache(maxsize=8)
def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
