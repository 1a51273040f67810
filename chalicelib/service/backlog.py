"""Backlog: refuses messages to a room whose broadcasts can't keep up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from chalicelib.core.errors import Code, FrameError
from chalicelib.core.model import RoomHead
from chalicelib.core.recent import Recent

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import RoomId, Wait
    from chalicelib.core.ports.store import Store

MESSAGES_WAIT: Final = 3000
SIGNALS_WAIT: Final = 1000
"""Milliseconds that records may wait, as the newest broadcast found it or reckons it will be.

A FIFO queue looks for something to do among its first 120,000 messages only, so that the backlog of
one room, if nothing bounded it, would in the end hold up all others
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/best-practices-message-groups.html).
"""

WAIT_LIFE: Final = 2000
"""Milliseconds for which a wait is believed after it was seen: a queue that has run dry says
nothing."""

COPY_LIFE: Final = 250
"""Milliseconds for which a container uses its copy of a head: four reads a second and room.

What a flood gets in before that is what its room has to wait for.
"""

UNCONFIRMED: Final = 200
PROBE: Final = 1000
"""Messages that a container takes for a room that numbers none, and milliseconds from one to the
next after that.

A room whose worker has died stands still until the queue delivers its batch again, and can't say
so. A few still go through, as one that is numbered is the sign that all is well again: those that
the queue dropped as repetitions give none.
"""

LONGEST_PAUSE: Final = 10.0


class _Copy(Struct):
    """A room's head as a container has read it, and what it has taken for the room since."""

    head: RoomHead
    read_at: float
    taken: int = 0
    taken_at: float = 0.0


class Backlog:
    """Refuses messages and signals to a room whose records wait too long."""

    def __init__(self, store: Store, clock: Callable[[], float], limit: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        # Locally, functions share the process.
        self._lock = threading.Lock()
        self._copies: Recent[RoomId, _Copy] = Recent(limit)

    def take_message(self, room: RoomId) -> None:
        """Admit a message to a room.

        Raises:
            FrameError: `slow_down`; the room can't keep up.
            UnavailableError: it is not known where the room stands.
        """
        copy, now = self._copy(room)
        _require_pace(copy.head.numbering, MESSAGES_WAIT, now)
        with self._lock:
            if copy.taken >= UNCONFIRMED and now - copy.taken_at < PROBE:
                raise _slow_down(MESSAGES_WAIT)
            copy.taken += 1
            copy.taken_at = now

    def take_signal(self, room: RoomId) -> None:
        """Admit a signal to a room; raises as `take_message`."""
        copy, now = self._copy(room)
        _require_pace(copy.head.signalling, SIGNALS_WAIT, now)

    def _copy(self, room: RoomId) -> tuple[_Copy, float]:
        now = self._clock() * 1000
        with self._lock:
            copy = self._copies.get(room)
        if copy and now - copy.read_at < COPY_LIFE:
            return copy, now
        head = self._store.head(room, consistent=False)
        with self._lock:
            old = self._copies.get(room)
            copy = _Copy(head, now)
            if old and old.head.numbering == head.numbering:
                copy.taken, copy.taken_at = old.taken, old.taken_at
            self._copies.note(room, copy)
        return copy, now


def _require_pace(wait: Wait, limit: int, now: float) -> None:
    if wait.longest > limit and now - wait.seen_at < WAIT_LIFE:
        raise _slow_down(wait.longest)


def _slow_down(wait: float) -> FrameError:
    seconds = min(wait / 1000, LONGEST_PAUSE)
    message = f"The room can't keep up: wait {seconds:.2f} s, then go on."
    return FrameError(Code.SLOW_DOWN, message, seconds)
