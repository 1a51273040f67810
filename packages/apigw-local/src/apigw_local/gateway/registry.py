"""The open connections of one API."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apigw_local.gateway.connection import Connection


class Registry:
    """Open connections by id: added when the upgrade succeeds, removed once, when they end."""

    def __init__(self) -> None:
        self._open: dict[str, Connection] = {}

    def add(self, connection: "Connection") -> None:
        """Make a connection reachable."""
        self._open[connection.id] = connection

    def remove(self, connection: "Connection") -> bool:
        """Make a connection unreachable; False if it was already."""
        return self._open.pop(connection.id, None) is not None

    def get(self, connection_id: str) -> "Connection | None":
        """The open connection with this id."""
        return self._open.get(connection_id)

    def __iter__(self) -> Iterator["Connection"]:
        return iter(list(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)
