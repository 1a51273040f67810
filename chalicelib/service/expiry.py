"""Members whose tokens have ended are told nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.errors import UnavailableError
from chalicelib.identity import is_over

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.meter import Meter
    from chalicelib.model import Member, Origin, RoomId
    from chalicelib.service.closing import Closing
    from chalicelib.store import Store

CLOSED_AT_ONCE: Final = 10
"""Connections that one broadcast closes; the others get nothing either, and are closed later."""


@dataclass(frozen=True)
class Expiry:
    """Sorts out the members whose time is over, and closes their connections."""

    store: Store
    closing: Closing
    clock: Callable[[], float]
    meter: Meter

    def split(self, members: Sequence[Member]) -> tuple[Sequence[Member], Sequence[Member]]:
        """Part those who may be posted to from those who may not."""
        now = self.clock()
        overdue = [member for member in members if is_over(member.until, now)]
        if not overdue:
            return members, ()
        return [member for member in members if not is_over(member.until, now)], overdue

    def end(self, overdue: Sequence[Member], room: RoomId, origin: Origin) -> None:
        """Close connections whose time is over, as far as nothing else is known of them.

        A renewal changes a connection first, and its places in rooms after that; one that died or
        came between is made good here.
        """
        for member in overdue[:CLOSED_AT_ONCE]:
            try:
                connection = self.store.connection(member.id)
                if connection and not is_over(connection.until, self.clock()):
                    self.store.extend(connection, room)
                    continue
            except UnavailableError as error:
                self.meter.swallow("see whether a token was renewed", error)
                return
            self.closing(member.id, origin, room)
