"""HTTP requests and responses of the gateway."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.http11 import Response

# Where API Gateway's word for a status is not the standard phrase.
_MESSAGES = {
    500: "Internal server error",
    502: "Internal server error",
    504: "Endpoint request timed out",
}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Request as it came over the wire.

    Attributes:
        method: The HTTP method.
        target: Path and query, percent-encoded as sent.
        segments: The path's segments, decoded, the first one after the leading slash.
        headers: Names in lower case, and values; the last one of a repeated name.
        body: The body; of one that is too long, more than is allowed.
        body_hash: The SHA-256 of the whole body, in hexadecimal digits.
    """

    method: str
    target: bytes
    segments: list[str]
    headers: dict[str, str]
    body: bytes
    body_hash: str


def iso(seconds: float) -> str:
    """Return a time in seconds since 1970 as API Gateway writes it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def response(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Response:
    """Return a response with its length; its type is JSON unless the headers have another."""
    fields = Headers(headers or {})
    if status != HTTPStatus.NO_CONTENT:
        if "Content-Type" not in fields:
            fields["Content-Type"] = "application/json"
        fields["Content-Length"] = str(len(body))
    return Response(status, _phrase(status), fields, body)


def refusal(status: int, **more: str) -> Response:
    """Return the last response of a TCP connection, its body the status in API Gateway's words.

    Args:
        status: The HTTP status.
        **more: Further fields of the body.
    """
    message = _MESSAGES.get(status, _phrase(status))
    body = json.dumps({"message": message, **more}).encode()
    return response(status, body, {"Connection": "close"})


def _phrase(status: int) -> str:
    """Return the reason phrase of a status, empty for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
