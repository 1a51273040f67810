"""The quotas of a WebSocket API, as numbers a test can shrink."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a WebSocket API allows; the defaults are those of AWS.

    Where a line names no source of its own, it is
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html

    Attributes:
        frame_bytes: The longest frame a client may send; a longer one closes with 1009.
        message_bytes: The longest message, over all its frames; likewise 1009.
        post_bytes: The longest body of a POST to ``@connections``; a longer one is answered 413.
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
        idle_seconds: A connection without a message either way for so long closes with 1001.
        lifetime_seconds: Any connection that old closes with 1001.
        integration_seconds: How long the gateway waits for a function.
        new_connections_per_second: How many clients may connect each second, all APIs of an
            account and region together; one more is answered 429.
        new_connections_burst: How many may at once after a pause. The page has no figure for it;
            this is one second's worth.
        requests_per_second: How many requests an account and region takes each second. Connects,
            messages and calls of ``@connections`` count alike; one more is answered 429, or with
            an error frame.
        requests_burst: How many it takes at once after a pause.
        url_characters: The longest URL of an upgrade.
        header_bytes: All request headers together. The page has no figure for WebSocket APIs;
            this is the one of REST APIs.
        buffer_bytes: What waits for a client that does not read before posts to it get 429. The
            service has such a buffer (https://github.com/gchq/sleeper/issues/7494) of unknown
            size.
        closing_seconds: How long a client may take to answer a close frame before the TCP
            connection is cut. The service's figure is unknown.
    """

    frame_bytes: int = 32 * 1024
    message_bytes: int = 128 * 1024
    post_bytes: int = 128 * 1024
    idle_seconds: float = 600
    lifetime_seconds: float = 7200
    integration_seconds: float = 29
    new_connections_per_second: float = 500
    new_connections_burst: float = 500
    requests_per_second: float = 10_000
    requests_burst: float = 5_000
    url_characters: int = 4096
    header_bytes: int = 10_240
    buffer_bytes: int = 1024 * 1024
    closing_seconds: float = 10


AWS_LIMITS = Limits()
