"""Connection pool: sockets to one endpoint, opened on demand and reused by later calls."""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING, Final

from chalicelib.adapters.apigateway.http_connection import HttpConnection, LostError
from chalicelib.adapters.apigateway.rate_controller import full_jitter

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from chalicelib.adapters.apigateway.endpoint import Address, Addresses, Endpoint
    from chalicelib.adapters.apigateway.limits import PosterLimits

HANDSHAKES: Final = 32
"""Sockets that may be opening at a time; more would only keep each other from the processor."""

IDLE_LIFE: Final = 60
"""Seconds that an unused socket is trusted. The gateway's own limit is not documented; NAT
gateways forget a connection, without a word, after 350:
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html"""

ROUNDS: Final = 3
"""Rounds over all addresses before the endpoint counts as unreachable."""

PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 1.0
"""Seconds between those rounds, at most and jittered."""


class ConnectionPool:
    """Opens sockets and waits for them.

    Args:
        endpoint: where the sockets lead.
        addresses: deals out an address for each.
        tls: whom to trust; unused where the endpoint is plain http.
        limits: how many sockets there may be, and how long each may take to open.
        clock: seconds since 1970.
        connect: begins a connection to an address.
        selector: waits for sockets; without it, the system's best.

    Attributes:
        idle: open sockets that carry nothing, the last used at the end.
        opening: sockets that are not open yet, with the time at which each has to be.
        size: how many sockets there are, in whatever state.
        opened: how many were ever begun.
        trouble: why the last one could not be opened.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        addresses: Addresses,
        tls: ssl.SSLContext | None,
        limits: PosterLimits,
        clock: Callable[[], float],
        *,
        connect: Callable[[Address, ssl.SSLContext | None, str], HttpConnection] = HttpConnection,
        selector: selectors.BaseSelector | None = None,
    ) -> None:
        self._clock = clock
        self._connect = connect
        self._name = endpoint.name
        self._addresses = addresses
        self._tls = tls if endpoint.secure else None
        self._limits = limits
        self._selector = selector or selectors.DefaultSelector()
        self.size = 0
        self._rounds = 0
        self.idle: list[HttpConnection] = []
        self.opening: dict[HttpConnection, float] = {}
        self.opened = 0
        self.pause_until = 0.0
        self.trouble = ""

    @property
    def out_of_reach(self) -> bool:
        """Whether no socket is open, and all attempts to open one failed."""
        return self._rounds >= ROUNDS and not self.size

    def wake(self) -> None:
        """Drop the sockets that ended since the last call.

        By the wall clock: the others may stand still while Lambda has the container frozen.
        """
        self._rounds = 0
        self.pause_until = 0.0
        self.trouble = ""
        oldest = self._clock() - IDLE_LIFE
        for connection in [one for one in self.idle if one.used_at < oldest]:
            self.drop(connection)
        for connection in self.wait(0):
            try:
                connection.advance()
            except LostError:
                self.drop(connection)

    def rest(self) -> None:
        """Note that a call is over."""
        for connection in list(self.opening):
            self.drop(connection)
        for connection in self.idle:
            connection.reused = True

    def grow(self, wanted: int, now: float) -> None:
        """Open sockets until so many are opening, as far as the limits allow."""
        while len(self.opening) < wanted and self.room() > 0 and now >= self.pause_until:
            try:
                address = self._addresses.next(now)
            except OSError as error:
                self._set_back(f"has no address: {error}", now)
                return
            self.opened += 1
            try:
                connection = self._connect(address, self._tls, self._name)
            except LostError as error:
                if self._addresses.failed(address):
                    self._set_back(str(error), now)
                continue
            self.size += 1
            self.opening[connection] = now + self._limits.connect_seconds
            self._selector.register(connection, connection.interest, connection)

    def room(self) -> int:
        """Return how many more sockets may be begun now."""
        return min(HANDSHAKES - len(self.opening), self._limits.sockets - self.size)

    def admit(self, connection: HttpConnection) -> None:
        """Count a socket as open."""
        del self.opening[connection]
        self._rounds = 0

    def keep(self, connection: HttpConnection, now: float) -> None:
        """Have a socket ready for the next request; the time is in seconds since 1970."""
        connection.used_at = now
        self.idle.append(connection)

    def unopened(self, connection: HttpConnection, why: str, now: float) -> None:
        """Drop a socket that could not be opened, and try other addresses before its own."""
        self.drop(connection)
        if self._addresses.failed(connection.address):
            self._set_back(why, now)

    def drop(self, connection: HttpConnection) -> None:
        """Close a socket."""
        self._selector.unregister(connection)
        connection.close()
        self.size -= 1
        self.opening.pop(connection, None)
        if connection in self.idle:
            self.idle.remove(connection)

    def watch(self, connection: HttpConnection) -> None:
        """Wait for what a socket is interested in from now on."""
        self._selector.modify(connection, connection.interest, connection)

    def wait(self, seconds: float) -> list[HttpConnection]:
        """Return the sockets that can advance, after so many seconds at most."""
        return [key.data for key, _ in self._selector.select(seconds)]

    def close(self) -> None:
        """Close every socket."""
        for key in list(self._selector.get_map().values()):
            key.data.close()
        self._selector.close()

    def _set_back(self, why: str, now: float) -> None:
        self.trouble = f"{self._name} {why}"
        self._rounds += 1
        self.pause_until = now + full_jitter(self._rounds, PAUSE, LONGEST_PAUSE)
