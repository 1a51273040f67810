"""The server ends a connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from chalicelib.core.errors import UnavailableError
from chalicelib.core.ports.meter import Metric
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import ApiStage, ConnectionId, RoomId
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.ports.poster import ConnectionManager
    from chalicelib.core.ports.store import Store
    from chalicelib.service.presence import PresenceNotifier

CLOSE_SECONDS: Final = 2.0
"""How long the gateway may take to close a connection."""


class ConnectionCloser(Record, frozen=True):
    """Closes connections, and forgets them, so that one that stays open can do nothing more."""

    store: Store
    notifier: PresenceNotifier
    manager: Callable[[ApiStage], ConnectionManager]
    meter: Meter

    def __call__(
        self, connection_id: ConnectionId, origin: ApiStage, room: RoomId | None = None
    ) -> None:
        """Close a connection, which is known to be in a room; what fails, `$disconnect` makes good.

        Nothing is raised.
        """
        self.close(connection_id, origin, time.monotonic() + CLOSE_SECONDS)
        try:
            departures = self.store.forget(connection_id, room)
        except UnavailableError as error:
            self.meter.swallow("forget a connection that was closed", error)
        else:
            self.notifier.left(departures)

    def close(self, connection_id: ConnectionId, origin: ApiStage, deadline: float) -> None:
        """Close a connection without forgetting it."""
        self.meter.count(Metric.CONNECTIONS_CUT)
        self.manager(origin).close(connection_id, deadline)
