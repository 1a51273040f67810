"""A connection's token ends, and is followed by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from chalicelib.core import protocol
from chalicelib.core.errors import Code, FrameError, HandshakeError
from chalicelib.core.identity import ends_soon, has_ended, is_over
from chalicelib.core.model import Protocol
from chalicelib.core.ports.authenticator import HandshakeCredentials
from chalicelib.core.protocol import ExpiringFrame, LeftFrame, Renew, RenewedFrame
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.identity import Identity
    from chalicelib.core.model import Connection
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Frame, Request
    from chalicelib.service.membership import Membership


class TokenRenewal(Record, frozen=True):
    """Holds connections to their tokens' time, and takes new tokens."""

    store: Store
    membership: Membership
    authenticate: Authenticator
    clock: Callable[[], float]
    meter: Meter

    def require_time(self, connection: Connection, request: Request) -> None:
        """Refuse what comes after the token's end; within the grace, a new token is taken.

        Raises:
            FrameError: `token_expired`; the connection is to be closed when the grace is over.
        """
        now = self.clock()
        if is_over(connection.until, now) or (
            has_ended(connection.until, now) and not isinstance(request, Renew)
        ):
            raise FrameError(
                Code.TOKEN_EXPIRED,
                "The token has ended: renew it, or connect again with a new one.",
                closes=is_over(connection.until, now),
            )

    def warning(self, connection: Connection) -> ExpiringFrame | None:
        """Return what to tell a connection whose token ends soon; the plain form knows no such."""
        if connection.until is None or connection.protocol is Protocol.PLAIN:
            return None
        if not ends_soon(connection.until, self.clock()):
            return None
        return ExpiringFrame(at=protocol.timestamp(connection.until * 1000))

    def renew(self, connection: Connection, request: Renew) -> list[Frame]:
        """Let the connection go on under a new token of the same user, with that one's rights.

        It leaves the rooms that it has no right to any more. Its name stays, as the rooms know it.

        Raises:
            FrameError: `forbidden`.
        """
        identity = self._identity(request.token)
        if identity.until is None or identity.user.user_id != connection.user.user_id:
            raise _refusal()
        renewed = replace(connection, rights=identity.rights, until=identity.until)
        # The rights first: a join that is under way looks at them after it has noted the room.
        lost = []
        for room in self.store.renew(renewed):
            if identity.rights.may_join(room, self.membership.private):
                self.store.extend(renewed, room)
            else:
                self.membership.take_out(renewed, room)
                lost.append(room)
        left = [LeftFrame(room=room, reason="rights") for room in lost]
        return [*left, RenewedFrame(until=protocol.timestamp(identity.until * 1000))]

    def _identity(self, token: str) -> Identity:
        try:
            return self.authenticate(HandshakeCredentials(token=token))
        except HandshakeError as error:
            self.meter.note(reason=error.reason)
            raise _refusal() from None


def _refusal() -> FrameError:
    return FrameError(Code.FORBIDDEN, "This token does not prove the connection's user.")
