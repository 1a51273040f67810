"""Rate limiter: admits frames as fast as the limits allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import field

from chalicelib.core.errors import Code, FrameError, UnansweredError, unknown_connection
from chalicelib.core.limits import price, reads_price
from chalicelib.core.protocol import Join, Ping, ReadHistory, Renew, Say
from chalicelib.core.record import Record
from chalicelib.service.debt_cache import ANSWER_INTERVAL, DebtCache, UserDebtCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.limits import Limits
    from chalicelib.core.model import Connection, ConnectionId, UserId
    from chalicelib.core.ports.rate_limits import Charge
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Request

    ChargeReads = Callable[[ConnectionId, float, Request | None], None]
    """Charges a connection for the read units of one of its frames."""

PING_ROOMS: Final = 10
"""Rooms that a `ping` may ask after for the price of one more frame: each is one small read."""


class RateLimiter(Record, frozen=True):
    """Charges each frame, refuses those above the rate, and closes connections that go on.

    The room never hears of a refused frame, and few of a flood's cost even the write that charges
    them.
    """

    store: Store
    limits: Limits
    clock: Callable[[], float]
    debts: DebtCache = field(default_factory=DebtCache)
    user_debts: UserDebtCache = field(default_factory=UserDebtCache)

    def admit(self, connection_id: ConnectionId, request: Request | None) -> Connection:
        """Charge a frame, None if it can't be decoded, and return its connection.

        Raises:
            FrameError: `unknown_connection`, or `slow_down`.
            UnansweredError: `slow_down`, which has been said a moment ago.
        """
        now = round(self.clock() * 1000)
        cost = self._price(request)
        user_waits = self._user_waits(connection_id, cost, now)
        charge = self.debts.charge(connection_id, cost, now, user_waits=user_waits)
        if charge is None:
            raise UnansweredError(Code.SLOW_DOWN, "Too many frames.")
        entry = self.store.admit(connection_id, charge, self.limits.start(now))
        if entry is None:
            raise unknown_connection()
        self.debts.learn(connection_id, entry.connection.user.user_id, entry.arrival_time)
        cut = self.limits.cut(entry.arrival_time, now)
        if cut is not None:
            self.store.raise_arrival_time(connection_id, cut)
        wait = self.limits.wait(entry.arrival_time, now, cost)
        if self.limits.user_frames and not wait:
            wait = self._charge_user(entry.connection.user.user_id, cost, now)
        if wait:
            self._refuse(entry, now, wait)
        return entry.connection

    def charge_reads(
        self, connection_id: ConnectionId, units: float, request: Request | None
    ) -> None:
        """Charge a connection for the reads of one of its frames, beyond the frame's own price.

        Args:
            connection_id: the connection; nothing is charged if it has been forgotten.
            units: read units consumed; each is 4 KB read consistently.
            request: the frame, which has been admitted.

        Raises:
            UnavailableError: the table can't be reached or throttles.
        """
        unpaid = reads_price(units) - self._price(request)
        if unpaid <= 0:
            return
        now = round(self.clock() * 1000)
        entry = self.store.admit(connection_id, unpaid, self.limits.start(now))
        if entry:
            self.debts.learn(connection_id, entry.connection.user.user_id, entry.arrival_time)

    def _price(self, request: Request | None) -> int:
        """Return the price of a frame: more for long reads and for checking a token."""
        frames = self.limits.frames
        match request:
            case Join():
                return price(self.limits.joins)
            case Ping(rooms=rooms):
                return price(frames, 1 + len(rooms) // PING_ROOMS)
            case ReadHistory() | Say(resend=True) | Renew():
                return price(frames, 2)
            case _:
                return price(frames)

    def charge_publisher(self, user_id: UserId) -> None:
        """Charge a user for a message over HTTP, at the rate of a connection.

        Raises:
            FrameError: `slow_down`.
        """
        now = int(self.clock() * 1000)
        cost = price(self.limits.user_frames or self.limits.frames)
        wait = self.limits.wait(self._write(user_id, cost, now), now, cost)
        if wait:
            raise _too_many(wait)

    def _user_waits(self, connection_id: ConnectionId, cost: int, now: int) -> bool:
        """Whether this container knows that a frame is refused for what its user has sent."""
        user_id = self.debts.user(connection_id)
        if user_id is None or not self.limits.user_frames:
            return False
        user_cost = self.limits.user_price(cost)
        return self.user_debts.wait(user_id, user_cost, self.limits.start(now), now) > 0

    def _charge_user(self, user_id: UserId, cost: int, now: int) -> int:
        """Charge a user for a frame of a connection; return how long it has to wait."""
        user_cost = self.limits.user_price(cost)
        wait, owed = self.user_debts.charge(user_id, user_cost, self.limits.start(now), now)
        if owed:
            self.user_debts.learn(user_id, self._write(user_id, owed, now))
        return wait

    def _write(self, user_id: UserId, cost: int, now: int) -> int:
        """Charge a user in the table; return the new theoretical arrival time."""
        arrival_time = self.store.charge(user_id, cost, self.limits.start(now))
        cut = self.limits.cut(arrival_time, now)
        if cut is not None:
            self.store.raise_user_arrival_time(user_id, cut)
        return arrival_time

    def _refuse(self, entry: Charge, now: int, wait: int) -> None:
        connection = entry.connection
        closes = self.limits.is_abuse(entry.arrival_time, now)
        due = closes or now >= entry.answered + ANSWER_INTERVAL
        if not (due and self.store.claim_refusal(connection.id, entry.answered, now)):
            raise UnansweredError(Code.SLOW_DOWN, "Too many frames.")
        if closes:
            self.debts.end(connection.id)
            wait = round(self.limits.bar * 1000)
            self.store.block_user(connection.user.user_id, now + wait)
        raise _too_many(wait, closes=closes)


def _too_many(wait: int, *, closes: bool = False) -> FrameError:
    seconds = wait / 1000
    message = f"Too many frames: wait {seconds:.2f} s, then go on."
    return FrameError(Code.SLOW_DOWN, message, seconds, closes=closes)
