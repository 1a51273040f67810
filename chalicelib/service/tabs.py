"""What a container remembers of the connections that it has charged."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chalicelib.model import ConnectionId

CHARGE_INTERVAL: Final = 200
"""Milliseconds for which the refused frames of a connection are charged together."""

FOREVER: Final = 2**53


@dataclass(slots=True)
class _Tab:
    """How far a connection's frames are paid for at least, and what is still to be charged."""

    paid: int
    owed: int = 0
    charged_at: int = 0


class Tabs:
    """Refuses most of a flood without any call.

    What stands here is never more than what the table has, or will have once the frames that are
    under way have been charged. So a connection that is overdrawn here is overdrawn, whatever
    other containers have taken from it; only what it still owes is charged late.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        # Locally, functions share the process.
        self._lock = threading.Lock()
        self._tabs: OrderedDict[ConnectionId, _Tab] = OrderedDict()

    def charge(self, connection_id: ConnectionId, cost: int, now: int) -> int | None:
        """Return what to charge now; None if nothing is, since the frame is refused in any case."""
        with self._lock:
            tab = self._tabs.get(connection_id)
            if tab is None:
                return cost
            tab.paid += cost
            if tab.paid <= now:
                return cost
            tab.owed += cost
            if now < tab.charged_at + CHARGE_INTERVAL:
                return None
            owed, tab.owed, tab.charged_at = tab.owed, 0, now
            return owed

    def learn(self, connection_id: ConnectionId, paid: int) -> None:
        """Take up to when the table has a connection's frames as paid."""
        with self._lock:
            tab = self._tabs.setdefault(connection_id, _Tab(paid))
            tab.paid = max(tab.paid, paid + tab.owed)
            self._tabs.move_to_end(connection_id)
            if len(self._tabs) > self._limit:
                self._tabs.popitem(last=False)

    def end(self, connection_id: ConnectionId) -> None:
        """Refuse whatever may still come from a connection that is being closed."""
        with self._lock:
            self._tabs[connection_id] = _Tab(FOREVER, charged_at=FOREVER)
