"""Connection quota: connections per user, and none for a while after a flood."""

from __future__ import annotations

import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from chalicelib.core.errors import HandshakeError
from chalicelib.core.limits import HANDSHAKE_SECONDS
from chalicelib.core.ports.poster import Reason
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.core.limits import Limits
    from chalicelib.core.model import Address, ApiStage, Connection, UserId
    from chalicelib.core.ports.poster import ConnectionManager
    from chalicelib.core.ports.rate_limits import Account
    from chalicelib.core.ports.store import Store
    from chalicelib.service.connections import ConnectionCloser

INQUIRIES: Final = 10
"""Connections that a handshake asks after, at most: it must not cost a hundred calls."""

INQUIRY_SECONDS: Final = 2.0
"""Timeout of the inquiry, in seconds."""

INQUIRY_INTERVAL: Final = 10_000
"""Milliseconds from one inquiry to the next of the same user, however many handshakes there are."""


class ConnectionQuota(Record, frozen=True):
    """Admits a user's connections up to the quota.

    Attributes:
        choose: takes so many of some addresses; by chance, so that none is passed over for good.
    """

    store: Store
    closer: ConnectionCloser
    manager: Callable[[ApiStage], ConnectionManager]
    limits: Limits
    clock: Callable[[], float]
    choose: Callable[[Sequence[Address], int], list[Address]] = random.sample

    def admit(self, connection: Connection) -> None:
        """Admit a connection, or refuse its handshake.

        Two that come at the same moment may both be the last one allowed.

        Raises:
            HandshakeError: 429, there are too many, or an earlier one has flooded.
        """
        now = int(self.clock() * 1000)
        user_id = connection.user.user_id
        account = self.store.account(user_id)
        if account.blocked_until > now:
            raise HandshakeError(HTTPStatus.TOO_MANY_REQUESTS, "an earlier connection has flooded")
        excess = len(account.addresses) - self.limits.connections
        if excess < 0:
            return
        # Not every end is told: who is on a bad network would be kept out until the table forgets.
        if self._forget_gone(user_id, account, now) <= excess:
            raise HandshakeError(HTTPStatus.TOO_MANY_REQUESTS, "the user has too many connections")

    def _forget_gone(self, user_id: UserId, account: Account, now: int) -> int:
        """Ask the gateway after some connections; forget those that have ended, and count them."""
        # Until `$connect` has returned, the gateway says of a connection that it is gone.
        latest = now - HANDSHAKE_SECONDS * 1000
        askable = [one for one in account.addresses if one.connected_at <= latest]
        if not askable or now < account.asked_at + INQUIRY_INTERVAL:
            return 0
        if not self.store.claim_inquiry(user_id, account.asked_at, now):
            return 0
        deadline = time.monotonic() + INQUIRY_SECONDS
        chosen = self.choose(askable, min(INQUIRIES, len(askable)))
        return sum(self._is_gone(one, deadline) for one in chosen)

    def _is_gone(self, address: Address, deadline: float) -> bool:
        """Whether a connection has ended; then it is forgotten."""
        if self.manager(address.api_stage).info(address.id, deadline) is not Reason.GONE:
            return False
        self.closer.close_and_forget(address.id, address.api_stage)
        return True
