"""Events of API Gateway and SQS, typed as far as they are read.

Shapes: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-integrations.html
and https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from chalicelib.core.model import ConnectionId


class EventType(StrEnum):
    """Kind of a WebSocket event, whichever route has led to the function."""

    CONNECT = "CONNECT"
    MESSAGE = "MESSAGE"
    DISCONNECT = "DISCONNECT"


class RequestContext(msgspec.Struct, frozen=True, rename="camel"):
    """The gateway's account of a connection and of the event at hand."""

    event_type: EventType
    connection_id: ConnectionId
    api_id: str
    stage: str
    connected_at: int
    domain_name: str | None = None
    disconnect_status_code: int | None = None
    disconnect_reason: str | None = None


class GatewayEvent(msgspec.Struct, frozen=True, rename="camel"):
    """A `$connect`, `$default` or `$disconnect` event.

    Attributes:
        headers: only on `$connect` with more than the gateway's own, spelt as the client did.
        query_string_parameters: only on `$connect`, and only where the URL had a query.
        body: the frame's text, only on `$default`.
    """

    request_context: RequestContext
    headers: dict[str, str] = {}
    query_string_parameters: dict[str, str] | None = None
    body: str | None = None


class QueueRecord(msgspec.Struct, frozen=True, rename="camel"):
    """One SQS message as the event source mapping delivers it."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, str]

    @property
    def receive_count(self) -> int:
        """Number of deliveries, this one included."""
        return int(self.attributes["ApproximateReceiveCount"])

    @property
    def sent_at(self) -> int:
        """Moment of queueing, in milliseconds since 1970."""
        return int(self.attributes["SentTimestamp"])


class QueueEvent(msgspec.Struct, frozen=True):
    """A batch of SQS messages, in order within each message group."""

    records: list[QueueRecord] = msgspec.field(name="Records")


def offered_subprotocols(event: GatewayEvent) -> list[str]:
    """Return what the client offers in `Sec-WebSocket-Protocol`, in its order."""
    offers = header(event, "sec-websocket-protocol") or ""
    return [offer.strip() for offer in offers.split(",") if offer.strip()]


def header(event: GatewayEvent, name: str) -> str | None:
    """Return the value of a header, whatever case the client wrote its name in; None if absent."""
    values = [value for key, value in event.headers.items() if key.lower() == name]
    return ",".join(values) if values else None


def gateway_event(event: dict[str, Any]) -> GatewayEvent:
    """Type a raw WebSocket event."""
    return msgspec.convert(event, GatewayEvent)


def queue_event(event: dict[str, Any]) -> QueueEvent:
    """Type a raw SQS event."""
    return msgspec.convert(event, QueueEvent)
