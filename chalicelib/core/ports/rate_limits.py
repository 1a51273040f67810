"""Rate limit port: the charges of connections and users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.model import Address, Connection, ConnectionId, UserId


class Charge(Record, frozen=True):
    """Connection after a charge.

    Attributes:
        connection: the connection.
        arrival_time: its theoretical arrival time (GCRA), in milliseconds since 1970.
        answered: when it was last told that a frame was one too many; 0 if never.
    """

    connection: Connection
    arrival_time: int
    answered: int


class Account(Record, frozen=True):
    """A user, over all connections.

    Attributes:
        addresses: the connections that are open, or may be: not every end is told.
        blocked_until: up to when no further one is let in; 0 if never.
        asked_at: when the gateway was last asked which of them are open; 0 if never.
    """

    addresses: tuple[Address, ...]
    blocked_until: int
    asked_at: int


class RateLimitStore(Protocol):
    """Store of charges, by connection and by user.

    Moments are milliseconds since 1970, prices milliseconds; `core/limits.py` tells what
    they mean. Every method raises `UnavailableError` when the table can't be reached or throttles.
    """

    def admit(self, connection_id: ConnectionId, price: int, start: int) -> Charge | None:
        """Charge a connection for a frame; None when it is unknown or expired.

        One write both charges and reads. `start` is up to when the frames of one that was never
        charged count as paid. A write that is repeated, since its answer got lost, charges twice.
        """

    def charge(self, user_id: UserId, price: int, start: int) -> int:
        """Charge a user; return the new theoretical arrival time, in milliseconds since 1970."""

    def raise_arrival_time(self, connection_id: ConnectionId, arrival_time: int) -> None:
        """Count a connection's frames as paid up to a moment, if they are not up to a later one."""

    def raise_user_arrival_time(self, user_id: UserId, arrival_time: int) -> None:
        """Count a user's frames likewise."""

    def claim_refusal(self, connection_id: ConnectionId, answered: int, now: int) -> bool:
        """Take it on to answer a connection now; False if another has, since `answered`."""

    def account(self, user_id: UserId) -> Account:
        """Return what is known of a user, whatever was written before the call included."""

    def claim_inquiry(self, user_id: UserId, asked_at: int, now: int) -> bool:
        """Take it on to ask after a user's connections; False if another has, since `asked_at`."""

    def block_user(self, user_id: UserId, until: int) -> None:
        """Let a user open no further connection until a moment."""
