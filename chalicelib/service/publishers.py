"""Servers that publish over HTTP, rather than over a connection."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from chalicelib.core.errors import HandshakeError
from chalicelib.core.ports.authenticator import HandshakeCredentials
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.identity import Identity
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.service.rate_limiter import RateLimiter


class PublisherCheck(Record, frozen=True):
    """Lets in who has a token, as fast as the limits allow.

    Attributes:
        authenticate: checks tokens; None where clients need none, and could publish as anybody.
    """

    authenticate: Authenticator | None
    rate_limiter: RateLimiter

    def __call__(self, token: str | None) -> Identity:
        """Return who publishes.

        Raises:
            HandshakeError: the token proves nothing.
            FrameError: `slow_down`.
            UnavailableError: the token can't be checked now, or the table does not answer.
        """
        if self.authenticate is None:
            raise HandshakeError(HTTPStatus.UNAUTHORIZED, "who publishes needs a token: set one up")
        identity = self.authenticate(HandshakeCredentials(token=token))
        self.rate_limiter.charge_publisher(identity.user.user_id)
        return identity
