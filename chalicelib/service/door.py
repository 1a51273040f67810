"""A user may have so many connections, and none for a while after a flood."""

from __future__ import annotations

import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from chalicelib.errors import HandshakeError
from chalicelib.posting import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.limits import Limits
    from chalicelib.model import Address, Connection, Origin
    from chalicelib.posting import Manager
    from chalicelib.service.closing import Closing
    from chalicelib.store import Store

INQUIRIES: Final = 10
"""Connections that a handshake asks after, at most: it must not cost a hundred calls."""

INQUIRY_SECONDS: Final = 2.0
"""How long it may wait for the answers."""


@dataclass(frozen=True)
class Door:
    """Lets a user's connections in, up to a number."""

    store: Store
    closing: Closing
    manager: Callable[[Origin], Manager]
    limits: Limits
    clock: Callable[[], float]

    def let_in(self, connection: Connection) -> None:
        """Let a connection in, or not.

        Two that come at the same moment may both be the last one allowed.

        Raises:
            HandshakeError: 429, there are too many, or an earlier one has flooded.
        """
        account = self.store.account(connection.user.user_id)
        if account.barred_until > self.clock() * 1000:
            raise HandshakeError(HTTPStatus.TOO_MANY_REQUESTS, "an earlier connection has flooded")
        excess = len(account.addresses) - self.limits.connections
        if excess < 0:
            return
        # Not every end is told: who is on a bad network would be kept out until the table forgets.
        deadline = time.monotonic() + INQUIRY_SECONDS
        gone = sum(self._is_gone(one, deadline) for one in account.addresses[:INQUIRIES])
        if gone <= excess:
            raise HandshakeError(HTTPStatus.TOO_MANY_REQUESTS, "the user has too many connections")

    def _is_gone(self, address: Address, deadline: float) -> bool:
        """Whether a connection has ended; then it is forgotten."""
        if self.manager(address.origin).info(address.id, deadline) is not Reason.GONE:
            return False
        self.closing(address.id, address.origin)
        return True
