"""How many connections and requests an API takes in a second.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html
"""

from apigw_local.gateway.quotas import Limits


class TokenBucket:
    """Lets a burst pass at once, and afterwards so many a second.

    Args:
        rate: Tokens that flow in, per second.
        burst: Tokens that it holds at most, and at first.
        now: A clock's time, in seconds.
    """

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._filled_at = now

    def take(self, now: float) -> bool:
        """Take a token, if there is one.

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
    """The two rates of an account in a region: of new connections, and of all requests."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._connections = TokenBucket(
            limits.new_connections_per_second, limits.new_connections_burst, now
        )
        self._requests = TokenBucket(limits.requests_per_second, limits.requests_burst, now)

    def admits_connection(self, now: float) -> bool:
        """Whether a client may connect now. It is a request like others too."""
        return self._connections.take(now) and self._requests.take(now)

    def admits_request(self, now: float) -> bool:
        """Whether a message, or a call of ``@connections``, may pass now."""
        return self._requests.take(now)
