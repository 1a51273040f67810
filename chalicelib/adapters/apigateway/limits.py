"""Limits of a poster: sockets, timeouts and rate."""

from __future__ import annotations

from chalicelib.core.record import Record


class PosterLimits(Record, frozen=True):
    """Bounds on one call's use of the network.

    Attributes:
        sockets: how many at most. 10,000 posts a second, an account's default quota, keep 150
            sockets busy when each takes 15 ms; a Lambda function may have 1,024 files open.
        connect_seconds: until a socket must be open, its TLS handshake included.
        answer_seconds: until a post must be answered; a few milliseconds are usual, and posts to
            half-dead clients have been seen to hang.
        rate: posts a second at most; None leaves it to the gateway to say when it is too much.
    """

    sockets: int = 256
    connect_seconds: float = 2.0
    answer_seconds: float = 3.0
    rate: float | None = None
