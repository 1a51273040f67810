"""Quotas of a WebSocket API, and the token buckets of its rates."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quotas:
    """Quotas of a WebSocket API; the defaults are those of AWS.

    Where a line names no source of its own, it is
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html

    Attributes:
        frame_bytes: The longest frame a client may send; a longer one closes with 1009.
        message_bytes: The longest message, over all its frames; likewise 1009.
        post_bytes: The longest body of a POST to ``@connections``; a longer one is answered 413.
            https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
        idle_seconds: A connection without a message either way for so long closes with 1001.
        lifetime_seconds: Any connection that old closes with 1001.
        integration_seconds: The gateway's timeout for a function.
        new_connections_per_second: Connects per second, all APIs of an account and region
            together; one more is answered 429.
        new_connections_burst: Connects at once after a pause. The page has no figure for it;
            this is one second's worth.
        requests_per_second: Requests per second of an account and region: connects, messages and
            calls of ``@connections``; one more is answered 429, or with an error frame.
        requests_burst: Requests at once after a pause.
        url_characters: The longest URL of an upgrade.
        header_bytes: All request headers together. The page has no figure for WebSocket APIs;
            this is the one of REST APIs.
        buffer_bytes: Bytes buffered for a client that does not read; posts beyond it get 429.
            The service has such a buffer (https://github.com/gchq/sleeper/issues/7494) of unknown
            size.
        closing_seconds: Timeout for a client's answer to a close frame, after which the TCP
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


AWS_QUOTAS = Quotas()


class TokenBucket:
    """Token bucket: a burst passes at once, and afterwards a fixed rate.

    Args:
        rate: Tokens added per second.
        burst: Capacity, and the tokens at first.
        now: Time of a monotonic clock, in seconds.
    """

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Take a token; return False if there is none.

        Args:
            now: The same clock's time, never earlier than before.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Throttle:
    """Rates of an account in a region: of new connections, and of all requests.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
    """

    def __init__(self, quotas: Quotas, now: float) -> None:
        self._connections = TokenBucket(
            quotas.new_connections_per_second, quotas.new_connections_burst, now
        )
        self._requests = TokenBucket(quotas.requests_per_second, quotas.requests_burst, now)

    def admits_connection(self, now: float) -> bool:
        """Return whether a client may connect now; a connect counts as a request too."""
        return self._connections.take(now) and self._requests.take(now)

    def admits_request(self, now: float) -> bool:
        """Return whether a message, or a call of ``@connections``, may pass now."""
        return self._requests.take(now)
