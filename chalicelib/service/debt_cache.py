"""Debt cache: a container's memory of the connections and users that it has charged."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from chalicelib.core.model import UserId
from chalicelib.core.recent import Recent

if TYPE_CHECKING:
    from chalicelib.core.model import ConnectionId

CHARGE_INTERVAL: Final = 200
"""Milliseconds for which the frames of a connection that sends too many are charged together."""

ANSWER_INTERVAL: Final = 1000
"""Milliseconds from one `slow_down` to the next of the same connection: answers cost, too.

For as long the frames are charged together that are refused for what their user sends.
"""

USER_INTERVAL: Final = 1000
"""Milliseconds for which the frames of a user are charged together, who is well within the rate.

Where half of the burst is spent, it is `CHARGE_INTERVAL`, so that containers learn of each other.
"""

FORGIVEN_SHARE: Final = 20
"""A user's debt is forgiven once it is less than one part in so many of the time it is owed for.

At 20 frames a second that is a frame a second, of each container that the user's frames come to.
"""

FOREVER: Final = 2**53


class _ConnectionDebt(Struct):
    """Lower bound of a connection's arrival time, and the debt still to be charged."""

    user_id: UserId | None
    arrival_time: int
    owed: int = 0
    charged_at: int = 0

    def settle(self) -> int:
        """Return what is owed, which is charged now."""
        owed, self.owed = self.owed, 0
        return owed


class DebtCache:
    """Refuses most of a flood without any call.

    What stands here is never more than what the table has, or will have once the frames that are
    under way have been charged. So a connection that is overdrawn here is overdrawn, whatever
    other containers have taken from it; only what it still owes is charged late.
    """

    def __init__(self, limit: int = 10_000) -> None:
        # Locally, functions share the process.
        self._lock = threading.Lock()
        self._debts: Recent[ConnectionId, _ConnectionDebt] = Recent(limit)

    def user(self, connection_id: ConnectionId) -> UserId | None:
        """Return whose a connection is, None if that is not known here."""
        with self._lock:
            debt = self._debts.get(connection_id)
        return debt.user_id if debt else None

    def charge(
        self, connection_id: ConnectionId, cost: int, now: int, *, user_waits: bool = False
    ) -> int | None:
        """Return what to charge now; None if nothing is, since the frame is refused in any case.

        `user_waits` tells that its user has sent too much over all connections.
        """
        with self._lock:
            debt = self._debts.get(connection_id)
            if debt is None:
                return cost
            debt.arrival_time += cost
            debt.owed += cost
            if debt.arrival_time > now:
                interval = CHARGE_INTERVAL
            elif user_waits:
                interval = ANSWER_INTERVAL
            else:
                return debt.settle()
            if now < debt.charged_at + interval:
                return None
            debt.charged_at = now
            return debt.settle()

    def learn(self, connection_id: ConnectionId, user_id: UserId, arrival_time: int) -> None:
        """Take whose a connection is, and up to when the table has its frames as paid."""
        with self._lock:
            debt = self._debts.get(connection_id) or _ConnectionDebt(user_id, arrival_time)
            debt.arrival_time = max(debt.arrival_time, arrival_time + debt.owed)
            self._debts.note(connection_id, debt)

    def end(self, connection_id: ConnectionId) -> None:
        """Refuse whatever may still come from a connection that is being closed."""
        with self._lock:
            self._debts.note(connection_id, _ConnectionDebt(None, FOREVER, charged_at=FOREVER))


class _UserDebt(Struct):
    """Lower bound of a user's arrival time, and the debt still to be charged."""

    arrival_time: int
    owed: int = 0
    owed_since: int = 0
    charged_at: int = 0


class UserDebtCache:
    """Holds users to their rate, with few writes for who is busy and none for who is not.

    A container can't see what a user sends through others. It keeps an estimate from what it has
    taken itself, and corrects that by the answer of each write; so the estimate is never more than
    one container would have that sees everything, and who is overdrawn here is overdrawn.

    Only what is taken is charged: a user's connections may be many people's, none of whom knows
    what the others send. All that is taken is charged in the end, so however many containers a user
    is spread over, the rate holds in the long run, but for what is forgiven.
    """

    def __init__(self, limit: int = 10_000) -> None:
        # Locally, functions share the process.
        self._lock = threading.Lock()
        self._debts: Recent[UserId, _UserDebt] = Recent(limit)

    def wait(self, user_id: UserId, cost: int, start: int, now: int) -> int:
        """Return how long a frame has to wait at least, 0 if it would be taken."""
        with self._lock:
            debt = self._debts.get(user_id)
        return max(max(debt.arrival_time, start) + cost - now, 0) if debt else 0

    def charge(self, user_id: UserId, cost: int, start: int, now: int) -> tuple[int, int]:
        """Take a frame or refuse it; return how long it has to wait, and what to charge now.

        Either is 0 mostly. `start` is up to when the frames of a newcomer count as paid.
        """
        with self._lock:
            debt = self._debts.get(user_id) or _UserDebt(start)
            self._debts.note(user_id, debt)
            debt.arrival_time = max(debt.arrival_time, start)
            if debt.arrival_time + cost > now:
                return debt.arrival_time + cost - now, 0
            debt.arrival_time += cost
            if now - debt.owed_since >= FORGIVEN_SHARE * debt.owed:
                debt.owed, debt.owed_since = 0, now
            debt.owed += cost
            # A frame that stands alone may be forgiven, and is not worth a write.
            if debt.owed == cost or now < debt.charged_at + _interval(
                debt.arrival_time, start, now
            ):
                return 0, 0
            owed, debt.owed, debt.charged_at = debt.owed, 0, now
            return 0, owed

    def learn(self, user_id: UserId, arrival_time: int) -> None:
        """Take up to when the table has a user's frames as paid."""
        with self._lock:
            debt = self._debts.get(user_id)
            if debt:
                debt.arrival_time = max(debt.arrival_time, arrival_time + debt.owed)


def _interval(arrival_time: int, start: int, now: int) -> int:
    return USER_INTERVAL if arrival_time < (start + now) // 2 else CHARGE_INTERVAL
