"""Connections of users: found by their user, and closed by the server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from chalicelib.core.errors import UnavailableError
from chalicelib.core.ports.meter import Metric
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.core.model import ApiStage, Connection, ConnectionId, RoomId, UserId
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.ports.poster import ConnectionManager
    from chalicelib.core.ports.store import Store
    from chalicelib.service.presence import PresenceNotifier

CLOSE_SECONDS: Final = 2.0
"""Timeout of the call that closes a connection."""


class ConnectionCloser(Record, frozen=True):
    """Closes connections, and forgets them, so that one that stays open can do nothing more."""

    store: Store
    notifier: PresenceNotifier
    manager: Callable[[ApiStage], ConnectionManager]
    meter: Meter

    def close_and_forget(
        self, connection_id: ConnectionId, api_stage: ApiStage, room: RoomId | None = None
    ) -> None:
        """Close a connection, which is known to be in a room; `$disconnect` makes up for failures.

        Nothing is raised.
        """
        self.close(connection_id, api_stage)
        try:
            departures = self.store.forget(connection_id, room)
        except UnavailableError as error:
            self.meter.swallow("forget a connection that was closed", error)
        else:
            self.notifier.left(departures)

    def close(self, connection_id: ConnectionId, api_stage: ApiStage) -> None:
        """Close a connection without forgetting it."""
        self.meter.count(Metric.CONNECTIONS_CUT)
        self.manager(api_stage).close(connection_id, time.monotonic() + CLOSE_SECONDS)


def connections_of(store: Store, user_id: UserId) -> Iterator[Connection]:
    """Yield a user's connections as they are now; some may have ended without a `$disconnect`.

    Raises:
        UnavailableError: they can't be read.
    """
    for address in store.account(user_id).addresses:
        connection = store.connection(address.id)
        if connection:
            yield connection
