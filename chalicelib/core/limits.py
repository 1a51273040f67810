"""Limits of a connection and a user, and the rate limiter's arithmetic.

The rate is limited by GCRA, the generic cell rate algorithm
(https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm): each frame has a price, in time, and
only the theoretical arrival time of each connection is stored. DynamoDB adds the price in the write
that reads the connection; whether the frame conforms is decided here afterwards. So a refused frame
is charged as well, and a client that keeps sending goes further into debt until it is closed.

Times are in milliseconds, since 1970 where they are moments.
"""

from __future__ import annotations

import math
from typing import Final

from chalicelib.core.protocol.bounds import BOUNDS, PAGE_LIMIT, PING_LIMIT, Bounds
from chalicelib.core.record import Record

ROOMS_LIMIT: Final = PING_LIMIT
"""Rooms that one connection may be a member of, as far as it can ask after them with one `ping`."""

NAME_LIMIT: Final = 40
"""Characters of a name; the rest of a longer one is cut off."""

HANDSHAKE_SECONDS: Final = 30
"""The longest that a `$connect` may take: the gateway gives its integration 29 seconds.

Until `$connect` has returned, the gateway answers 410 for its connection, as for one that is gone.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

READ_UNITS_PER_SECOND: Final = 150
"""Read units of the table that one connection may use up in a second, in the long run.

A unit is 4 KB read consistently. A room's items lie in one partition, which gives 3,000 units a
second to all who read them: one connection may take a 20th of that.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""


class Limits(Record, frozen=True):
    """Limits that the settings give a connection and a user.

    Attributes:
        bounds: what a frame may hold.
        rooms: rooms that a connection may be in (`FANFARE_ROOMS_PER_CONNECTION`).
        name: characters of a name (`FANFARE_NAME_LENGTH`).
        page: messages in one answer (`FANFARE_PAGE`).
        connections: connections that a user may have (`FANFARE_CONNECTIONS_PER_USER`).
        frames: frames a second from one connection (`FANFARE_FRAMES_PER_SECOND`).
        joins: joins a second; all of its rooms are to fit into a burst
            (`FANFARE_JOINS_PER_SECOND`).
        user_frames: frames a second over all connections of a user
            (`FANFARE_USER_FRAMES_PER_SECOND`); 0 does not count them.
        burst: how many seconds' worth may come at once (`FANFARE_BURST_SECONDS`).
        abuse: by how many seconds' worth a connection may overdraw before it is closed
            (`FANFARE_ABUSE_SECONDS`).
        bar: for how many seconds its user is not let in after that (`FANFARE_BAR_SECONDS`).
    """

    bounds: Bounds = BOUNDS
    rooms: int = ROOMS_LIMIT
    name: int = NAME_LIMIT
    page: int = PAGE_LIMIT
    connections: int = 50
    frames: float = 10
    joins: float = 20
    user_frames: float = 20
    burst: float = 3
    abuse: float = 10
    bar: float = 60

    def start(self, now: int) -> int:
        """Return the arrival time of a new connection, which has its whole burst left."""
        return now - _ms(self.burst)

    def wait(self, arrival_time: int, now: int, price: int) -> int:
        """Return the time until a frame of this price conforms; 0 if this one does."""
        return 0 if arrival_time <= now else arrival_time + price - now

    def is_abuse(self, arrival_time: int, now: int) -> bool:
        """Whether a connection is so far in debt that it is closed."""
        return arrival_time - now > _ms(self.abuse)

    def user_price(self, price: int) -> int:
        """Return what a frame costs its user that costs its connection so much."""
        return math.ceil(price * self.frames / self.user_frames)

    def cut(self, arrival_time: int, now: int) -> int | None:
        """Return the arrival time to raise an idle connection to; None if it needs no raise.

        Without this, two silent hours would buy a flood. It takes a write of its own, as DynamoDB
        knows no maximum; so it is done at twice the burst, and a connection that says little pays
        for it once in as long as a burst lasts.
        """
        return self.start(now) if arrival_time < now - 2 * _ms(self.burst) else None


LIMITS: Final = Limits()


def price(per_second: float, count: int = 1) -> int:
    """Return the price of some frames at a rate of so many a second."""
    return round(1000 * count / per_second)


def reads_price(units: float) -> int:
    """Return what read units cost a connection; each is 4 KB read consistently."""
    return round(1000 * units / READ_UNITS_PER_SECOND)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
