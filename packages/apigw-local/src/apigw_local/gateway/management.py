"""Management API ``@connections``: posts to a connection, describes it, closes it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import json
import re
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from websockets.frames import CloseCode
from websockets.http11 import Response

from apigw_local.console import hints
from apigw_local.faults import PostFault
from apigw_local.gateway.api import Api
from apigw_local.gateway.connection import WebSocketConnection
from apigw_local.gateway.events import is_connection_id, new_request_id
from apigw_local.gateway.http import HttpRequest, iso, response
from apigw_local.gateway.request_authorizer import METHODS
from apigw_local.lambda_ import invocation_chain

SEGMENT = "@connections"

# A surrogate in UTF-8 arrives as one replacement character, where Python would make it three.
_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def manage(api: Api, request: HttpRequest) -> Response | None:
    """Answer one request to ``@connections``.

    Args:
        api: The API that the request addresses.
        request: The request.

    Returns:
        The response, None if the caller gets none: its TCP connection is to be reset.
    """
    answer = _answer(api, request)
    status = answer.status_code if answer else 0
    api.activity_log.calls.add(request.method, status, request.segments[-1], len(request.body))
    if answer is None:
        return None
    answer.headers["x-amzn-RequestId"] = str(uuid.uuid4())
    answer.headers["x-amz-apigw-id"] = new_request_id()
    answer.headers["X-Amzn-Trace-Id"] = invocation_chain.new_trace()
    return answer


def _answer(api: Api, request: HttpRequest) -> Response | None:
    *way, connection_id = request.segments
    if way != [api.stage, SEGMENT] or request.method not in METHODS:
        return _error(HTTPStatus.FORBIDDEN, "ForbiddenException", "Forbidden")
    if api.authorizer and (denial := api.authorizer.denial(request, datetime.now(UTC))):
        return _error(HTTPStatus.FORBIDDEN, *denial)
    if not api.throttle.admits_request(time.monotonic()):
        return _throttled()
    if not is_connection_id(connection_id):
        message = f"Invalid connectionId: {connection_id}"
        return _error(HTTPStatus.BAD_REQUEST, "BadRequestException", message)
    connection = api.connections.get(connection_id)
    if connection is None:
        if connection_id in api.connecting:
            api.activity_log.hint(hints.POST_FROM_CONNECT)
        # botocore raises GoneException only if the error type stands in the header.
        return _error(HTTPStatus.GONE, "GoneException")
    if request.method == "POST":
        return _post(api, connection, request.body)
    if request.method == "GET":
        return _get(connection)
    # Neither code nor reason can be chosen: https://github.com/aws/aws-sdk-js/issues/3636
    connection.close(CloseCode.NORMAL_CLOSURE, "Connection Closed Normally")
    return response(HTTPStatus.NO_CONTENT)


def _post(api: Api, connection: WebSocketConnection, body: bytes) -> Response | None:
    if len(body) > api.quotas.post_bytes:
        message = f"The payload exceeds {api.quotas.post_bytes} bytes"
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLargeException", message)
    fault = api.faults.post()
    if fault is PostFault.THROTTLED:
        return _throttled()
    # That an empty body is an empty message is a guess.
    if not connection.send(_as_text(body)):
        message = "The client does not read fast enough"
        return _error(HTTPStatus.TOO_MANY_REQUESTS, "LimitExceededException", message)
    if fault is PostFault.FAILED:
        kind = "InternalServerErrorException"
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, kind, "Internal server error")
    if fault is PostFault.RESET:
        return None
    return response(HTTPStatus.OK)


def _get(connection: WebSocketConnection) -> Response:
    client = connection.client
    identity = {"sourceIp": client.source_ip}
    if client.user_agent is not None:
        identity["userAgent"] = client.user_agent
    description: dict[str, Any] = {
        "connectedAt": iso(client.connected_at / 1000),
        "identity": identity,
        "lastActiveAt": iso(connection.last_active),
    }
    return response(
        HTTPStatus.OK, json.dumps(description, indent=2, separators=(",", " : ")).encode()
    )


def _throttled() -> Response:
    return _error(HTTPStatus.TOO_MANY_REQUESTS, "LimitExceededException", "Rate exceeded")


def _error(status: HTTPStatus, kind: str, message: str | None = None) -> Response:
    # AWS spells this field in its own way where IAM refuses, and botocore reads both.
    field = "Message" if kind == "AccessDeniedException" else "message"
    body = "" if message is None else json.dumps({field: message}, separators=(",", ":"))
    return response(status, body.encode(), {"x-amzn-ErrorType": kind})


def _as_text(body: bytes) -> bytes:
    """Return the body as UTF-8, since only text goes to clients."""
    try:
        body.decode()
    except UnicodeDecodeError:
        body = _SURROGATE.sub(_REPLACEMENT.encode(), body)
        return body.decode(errors="replace").encode()
    return body
