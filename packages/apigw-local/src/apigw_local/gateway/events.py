"""Events of a WebSocket API, field by field as Lambda gets them, and their identifiers.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-integration-requests.html
"""

import base64
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NewType
from urllib.parse import parse_qsl

from apigw_local.gateway.routing import CONNECT, DISCONNECT
from apigw_local.lambda_ import invocation_chain

Event = NewType("Event", dict[str, Any])

# Eleven bytes fill 15 characters of the URL-safe base64 alphabet and leave one "=".
_ID_BYTES = 11
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
# As on AWS, the ids of a connection's messages end like its own.
_SHARED_TAIL = 6

# The gateway ends the upgrade, so a function does not see what asked for it.
_HOP_BY_HOP = {"connection", "upgrade", "content-length"}


@dataclass(frozen=True, slots=True)
class Client:
    """Client of a connection: the fields that all its events share.

    Attributes:
        connection_id: The connection's id.
        connected_at: Unix time of its upgrade request, in milliseconds.
        domain_name: The host that the client addressed, with its port.
        source_ip: The client's address.
        user_agent: Its User-Agent header, None if it sent none.
    """

    connection_id: str
    connected_at: int
    domain_name: str
    source_ip: str
    user_agent: str | None


@dataclass(frozen=True, slots=True)
class EventFactory:
    """Factory of the events of one stage."""

    api_id: str
    stage: str

    def connect(self, client: Client, headers: Iterable[tuple[str, str]], query: str) -> Event:
        """Return the event of ``$connect``.

        Args:
            client: The client.
            headers: The request's headers, spelt and ordered as sent.
            query: The URL's query, without the question mark.
        """
        event = self._event(client, CONNECT, "CONNECT")
        event |= _headers(_as_forwarded(client, headers))
        if parameters := parse_qsl(query, keep_blank_values=True):
            event["queryStringParameters"] = dict(parameters)
            event["multiValueQueryStringParameters"] = _multi(parameters)
        return event

    def message(self, client: Client, route_key: str, body: str) -> Event:
        """Return the event of a text message, for the route that it selected."""
        event = self._event(client, route_key, "MESSAGE")
        event["requestContext"]["messageId"] = new_message_id(client.connection_id)
        event["body"] = body
        return event

    def disconnect(self, client: Client, code: int, reason: str) -> Event:
        """Return the event of ``$disconnect``, with the close code and reason."""
        event = self._event(client, DISCONNECT, "DISCONNECT")
        event["requestContext"] |= {"disconnectStatusCode": code, "disconnectReason": reason}
        # API Gateway sends these four, the last three empty.
        event |= _headers(
            [
                ("Host", client.domain_name),
                ("x-api-key", ""),
                ("X-Forwarded-For", ""),
                ("x-restapi", ""),
            ]
        )
        return event

    def _event(self, client: Client, route_key: str, event_type: str) -> Event:
        now = time.time()
        request_id = new_request_id()
        identity = {"sourceIp": client.source_ip}
        if client.user_agent is not None:
            identity["userAgent"] = client.user_agent
        return Event(
            {
                "requestContext": {
                    "routeKey": route_key,
                    "eventType": event_type,
                    "extendedRequestId": request_id,
                    "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
                    "messageDirection": "IN",
                    "stage": self.stage,
                    "connectedAt": client.connected_at,
                    "requestTimeEpoch": int(now * 1000),
                    "identity": identity,
                    "requestId": request_id,
                    "domainName": client.domain_name,
                    "connectionId": client.connection_id,
                    "apiId": self.api_id,
                },
                "isBase64Encoded": False,
            }
        )


def new_request_id() -> str:
    """Return a new request id: 16 characters, the last one ``=``."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).decode()


def new_connection_id() -> str:
    """Return a new connection id, of the same form."""
    return new_request_id()


def new_message_id(connection: str) -> str:
    """Return a new id for a message from a connection."""
    return new_request_id()[:-_SHARED_TAIL] + connection[-_SHARED_TAIL:]


def is_connection_id(text: str) -> bool:
    """Return whether a text has the form of a connection id."""
    return _CONNECTION_ID.fullmatch(text) is not None


def _as_forwarded(client: Client, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers as API Gateway passes them on, its own added.

    They say HTTPS and port 443 as on AWS, so that an application that insists on them runs here.
    """
    passed = [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]
    return [
        *passed,
        ("X-Amzn-Trace-Id", invocation_chain.new_trace()),
        ("X-Forwarded-For", client.source_ip),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ]


def _headers(headers: list[tuple[str, str]]) -> dict[str, Any]:
    return {"headers": dict(headers), "multiValueHeaders": _multi(headers)}


def _multi(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
