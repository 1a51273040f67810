"""A workload: the people, rooms and messages of a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chalicelib.core.protocol.bounds import MESSAGE_LIMIT
from planning import quotas

DAYS: Final = 365 / 12


@dataclass(frozen=True)
class Workload:
    """Rooms in which people talk, all at the same hours.

    Attributes:
        members: of each room.
        rate: messages a second to each room.
        size: bytes of a message's text.
        connections: how many are open; 0 for one per member of each room.
        hours: of a day during which people are connected and talk.
        days: of a month; an average one has 30.4.

    Raises:
        ValueError: an attribute is out of its range.
    """

    rooms: float = 1
    members: int = 100
    rate: float = 1.0
    size: int = 100
    connections: float = 0
    hours: float = 24
    days: float = DAYS

    def __post_init__(self) -> None:
        ranges = {
            "rooms": (0, 1e9),
            "members": (1, 1e7),
            "rate": (0, 1e5),
            "size": (0, MESSAGE_LIMIT),
            "connections": (0, 1e9),
            "hours": (0, 24),
            "days": (0, 31),
        }
        for name, (least, most) in ranges.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value:g}: it takes {least:g} to {most:,.0f}.")

    @property
    def open(self) -> float:
        """Connections that are open while people are there."""
        return self.connections or self.rooms * self.members

    @property
    def seconds(self) -> float:
        """For how many seconds of the month people are there."""
        return self.hours * self.days * 3_600

    @property
    def messages(self) -> float:
        """Messages that are sent in the month."""
        return self.rooms * self.rate * self.seconds

    @property
    def deliveries(self) -> float:
        """Receptions of messages in the month, each sender's own included."""
        return self.messages * self.members

    @property
    def connects(self) -> float:
        """Connects of a client in the month; clients connect anew before the gateway closes.

        At least once for each day on which it is there.
        """
        lives = max(1.0, self.hours * 3_600 / quotas.CONNECTION_SECONDS) if self.hours else 0.0
        return self.open * self.days * lives
