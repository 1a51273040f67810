"""The ``@connections`` API: post to a connection, look at it, close it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import logging
import re
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Response

from localdev.gateway import identifiers
from localdev.gateway.api import Api
from localdev.gateway.connection import Connection
from localdev.gateway.responses import response

_log = logging.getLogger("localdev.gateway")

SEGMENT = "@connections"

# A surrogate in UTF-8 arrives as one replacement character, where Python would make it three.
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def manage(api: Api, method: str, segments: list[str], body: bytes) -> Response:
    """Answer one request to ``@connections``.

    Args:
        api: The API that the request addresses.
        method: The HTTP method.
        segments: The path's segments, percent-decoded, the first one after the leading slash.
        body: The request's body; of one that is too long, more than is allowed suffices.
    """
    answer = _answer(api, method, segments, body)
    answer.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    answer.headers["x-amz-apigw-id"] = identifiers.request_id()
    answer.headers["X-Amzn-Trace-Id"] = identifiers.trace_id()
    if _log.isEnabledFor(logging.DEBUG):
        _log.debug("%s %s %d", method.lower(), segments[-1], answer.status_code)
    return answer


def _answer(api: Api, method: str, segments: list[str], body: bytes) -> Response:
    if segments[:-1] != [api.stage, SEGMENT] or method not in {"POST", "GET", "DELETE"}:
        return _error(HTTPStatus.FORBIDDEN, "ForbiddenException", "Forbidden")
    connection_id = segments[-1]
    if not identifiers.is_connection_id(connection_id):
        message = f"Invalid connectionId: {connection_id}"
        return _error(HTTPStatus.BAD_REQUEST, "BadRequestException", message)
    connection = api.connections.get(connection_id)
    if connection is None:
        # botocore raises GoneException only if the error type stands in the header.
        return _error(HTTPStatus.GONE, "GoneException")
    if method == "POST":
        return _post(api, connection, body)
    if method == "GET":
        return _get(connection)
    # Neither code nor reason can be chosen: https://github.com/aws/aws-sdk-js/issues/3636
    connection.close(CloseCode.NORMAL_CLOSURE, "Connection Closed Normally")
    return response(HTTPStatus.NO_CONTENT)


def _post(api: Api, connection: Connection, body: bytes) -> Response:
    if len(body) > api.limits.post_bytes:
        message = f"The payload exceeds {api.limits.post_bytes} bytes"
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeException", message)
    if not connection.send(_as_text(body)):
        message = "The client does not read fast enough"
        return _error(HTTPStatus.TOO_MANY_REQUESTS, "LimitExceededException", message)
    return response(HTTPStatus.OK)


def _get(connection: Connection) -> Response:
    client = connection.client
    identity = {"sourceIp": client.source_ip}
    if client.user_agent is not None:
        identity["userAgent"] = client.user_agent
    description: dict[str, Any] = {
        "connectedAt": _iso(client.connected_at / 1000),
        "identity": identity,
        "lastActiveAt": _iso(connection.last_active),
    }
    return response(
        HTTPStatus.OK, json.dumps(description, indent=2, separators=(",", " : ")).encode()
    )


def _error(status: HTTPStatus, kind: str, message: str | None = None) -> Response:
    body = "" if message is None else json.dumps({"message": message}, separators=(",", ":"))
    return response(status, body.encode(), {"x-amzn-ErrorType": kind})


def _as_text(body: bytes) -> bytes:
    """The body as UTF-8, since only text goes to clients."""
    try:
        body.decode()
    except UnicodeDecodeError:
        body = _SURROGATE.sub(_REPLACEMENT.encode(), body)
        return body.decode(errors="replace").encode()
    return body


def _iso(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
