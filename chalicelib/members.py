"""The members of rooms, kept in memory for as long as nobody has come or gone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chalicelib.model import Head, Member, RoomId
    from chalicelib.store import Store

LIMIT: Final = 50_000
"""Members kept over all rooms: about 20 MB of a container's memory."""


@dataclass(frozen=True, slots=True)
class Roster:
    """The members of one room at one version.

    Attributes:
        fresh: whether they have just been read, because the version had changed.
    """

    members: tuple[Member, ...]
    fresh: bool


class MemberCache:
    """Reads a room's members only when the head's version is another than at the last reading.

    That is exact: whoever comes or goes writes the member first and changes the version after
    that, so what was read under a version, or after it, lacks nobody of that version.
    """

    def __init__(self, store: Store, limit: int = LIMIT) -> None:
        self._store = store
        self._limit = limit
        self._size = 0
        # Locally, broadcasts of several rooms share the process.
        self._lock = threading.Lock()
        self._rooms: OrderedDict[RoomId, tuple[tuple[str, int], tuple[Member, ...]]] = OrderedDict()

    def of(self, room: RoomId, head: Head) -> Roster:
        """Return the members of a room that stands at `head`.

        Raises:
            UnavailableError: they can't be read.
        """
        version = (head.epoch, head.version)
        with self._lock:
            kept = self._rooms.get(room)
            if kept and kept[0] == version:
                self._rooms.move_to_end(room)
                return Roster(kept[1], fresh=False)
        members = tuple(self._store.members(room))
        if len(members) != head.members:
            self._store.mend(room, head, len(members))
        with self._lock:
            self._keep(room, version, members)
        return Roster(members, fresh=True)

    def _keep(self, room: RoomId, version: tuple[str, int], members: tuple[Member, ...]) -> None:
        old = self._rooms.pop(room, None)
        self._size += len(members) - (len(old[1]) if old else 0)
        self._rooms[room] = (version, members)
        while self._size > self._limit and len(self._rooms) > 1:
            _, (_, dropped) = self._rooms.popitem(last=False)
            self._size -= len(dropped)
