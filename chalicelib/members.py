"""The members of rooms, kept in memory for as long as nobody has come or gone."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from chalicelib.identity import is_over
from chalicelib.model import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.model import Census, Epoch, Member, RoomId
    from chalicelib.store import Store

    Version = tuple[Epoch, int]

LIMIT: Final = 50_000
"""Members kept over all rooms: about 20 MB of a container's memory."""


class MemberCache:
    """Reads a room's members only when the version is another than at the last reading.

    That is exact: whoever comes or goes writes the member first and changes the version after
    that, so what was read under a version, or after it, lacks nobody of that version. A renewed
    token changes no version, so members whose time seems to be over are read again, too.
    """

    def __init__(
        self, store: Store, limit: int = LIMIT, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._limit = limit
        self._clock = clock
        self._size = 0
        # Locally, broadcasts of several rooms share the process.
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[RoomId, Span], tuple[Version, tuple[Member, ...]]] = (
            OrderedDict()
        )

    def of(self, room: RoomId, span: Span, census: Census) -> tuple[Member, ...]:
        """Return the members of a room in a span, as of a census or later.

        Raises:
            UnavailableError: they can't be read.
        """
        key, version = (room, span), (census.epoch, census.version)
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept[0] == version and not self._any_over(kept[1]):
                self._kept.move_to_end(key)
                return kept[1]
        members = tuple(self._store.members(room, span))
        if span == Span() and len(members) != census.members:
            self._store.mend(room, census, len(members))
        with self._lock:
            self._keep(key, version, members)
        return members

    def _any_over(self, members: Iterable[Member]) -> bool:
        now = self._clock()
        return any(is_over(member.until, now) for member in members)

    def _keep(
        self, key: tuple[RoomId, Span], version: Version, members: tuple[Member, ...]
    ) -> None:
        old = self._kept.pop(key, None)
        self._size += len(members) - (len(old[1]) if old else 0)
        self._kept[key] = (version, members)
        while self._size > self._limit and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._size -= len(dropped)


class LastCensus:
    """Remembers for which census a room was last told its number of members."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._versions: OrderedDict[RoomId, Version] = OrderedDict()

    def replace(self, room: RoomId, census: Census) -> bool:
        """Note that a room is told now; return whether its members have changed since."""
        version = (census.epoch, census.version)
        with self._lock:
            changed = self._versions.pop(room, None) != version
            self._versions[room] = version
            if len(self._versions) > self._limit:
                self._versions.popitem(last=False)
        return changed
