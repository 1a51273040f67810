"""HTTP answers of the gateway."""

import json
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


def iso(seconds: float) -> str:
    """A time in seconds since 1970 as API Gateway writes it."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def response(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Response:
    """An answer with its length and, unless it is empty or has another type, JSON as its type."""
    fields = Headers(headers or {})
    if status != HTTPStatus.NO_CONTENT:
        if "Content-Type" not in fields:
            fields["Content-Type"] = "application/json"
        fields["Content-Length"] = str(len(body))
    return Response(status, _phrase(status), fields, body)


def refusal(status: int, **more: str) -> Response:
    """The last answer on a TCP connection, its body the status in API Gateway's words.

    Args:
        status: The HTTP status.
        **more: Further fields of the body.
    """
    message = _MESSAGES.get(status, _phrase(status))
    body = json.dumps({"message": message, **more}).encode()
    return response(status, body, {"Connection": "close"})


def _phrase(status: int) -> str:
    """The reason phrase of a status, empty for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
