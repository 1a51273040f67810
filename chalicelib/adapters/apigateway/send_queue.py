"""Send queue: posts to different connections side by side, to one connection in order."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.core.model import ConnectionId
    from chalicelib.core.ports.poster import Post, Reason, Report

HELD: Final = 10_000
"""Posts that may wait behind others to their connection before no more are drawn."""


class Task:
    """A post on its way.

    Attributes:
        tries: how often it has been sent.
        sent_at: when it was sent last.
        resent: whether it has had its second chance after a socket turned out to be dead.
        doubtful: whether it may have been delivered although it has to be sent again.
        setback: why it was not delivered so far.
    """

    __slots__ = (
        "connection_id",
        "doubtful",
        "payload",
        "resent",
        "sent_at",
        "setback",
        "tries",
    )

    def __init__(self, connection_id: ConnectionId, payload: bytes) -> None:
        self.connection_id = connection_id
        self.payload = payload
        self.tries = 0
        self.sent_at = 0.0
        self.resent = False
        self.doubtful = False
        self.setback: Reason | None = None


class SendQueue:
    """Draws posts as they are wanted, and notes in a report how they end."""

    def __init__(self, posts: Iterable[Post], report: Report) -> None:
        self._posts: Iterator[Post] = iter(posts)
        self._report = report
        self._ready: deque[Task] = deque()
        self._retries: list[tuple[float, int, Task]] = []
        self._order = count()
        self._taken: dict[ConnectionId, deque[bytes] | None] = {}
        self._held = 0

    @property
    def next_retry(self) -> float:
        """Moment at which the next retry is due; infinity if there is none."""
        return self._retries[0][0] if self._retries else float("inf")

    def next(self, now: float) -> Task | None:
        """Return a post to send, or None if all that can be sent now is on its way."""
        if self._retries and self._retries[0][0] <= now:
            return heapq.heappop(self._retries)[2]
        if self._ready:
            return self._ready.popleft()
        return self._draw()

    def backlog(self, most: int, now: float) -> int:
        """Return how many posts could be sent now, counted no further than `most`."""
        while self._retries and self._retries[0][0] <= now:
            self._ready.append(heapq.heappop(self._retries)[2])
        while len(self._ready) < most and (task := self._draw()):
            self._ready.append(task)
        return min(most, len(self._ready))

    def finished(self, now: float) -> bool:
        """Return whether every post that was drawn has ended, and there are no more.

        This draws one if need be, for want of another way to know.
        """
        return not self._taken and not self.backlog(1, now)

    def done(self, task: Task) -> None:
        """Note that a post was delivered."""
        connection_id = task.connection_id
        waiting = self._taken.pop(connection_id)
        if waiting:
            self._held -= 1
            self._taken[connection_id] = waiting
            self._ready.append(Task(connection_id, waiting.popleft()))
        else:
            self._report.delivered.add(connection_id)

    def retry(self, task: Task, at: float) -> None:
        """Have a post tried again at that time."""
        heapq.heappush(self._retries, (at, next(self._order), task))

    def fail(self, task: Task, reason: Reason) -> None:
        """Note that a post is given up, and with it all that come after it to its connection."""
        self._held -= len(self._taken.pop(task.connection_id) or ())
        self._report.add(task.connection_id, reason)

    def give_up(self, reason: Reason) -> None:
        """Give up whatever has not ended, and draw the rest to name it."""
        for waiting in (*self._ready, *(task for _, _, task in self._retries)):
            self.fail(waiting, waiting.setback or reason)
        while task := self._draw():
            self.fail(task, reason)

    def _draw(self) -> Task | None:
        while self._held < HELD:
            try:
                connection_id, payload = next(self._posts)
            except StopIteration:
                return None
            if connection_id in self._taken:
                waiting = self._taken[connection_id]
                if waiting is None:
                    waiting = self._taken[connection_id] = deque()
                waiting.append(payload)
                self._held += 1
            elif not self._report.has_lost(connection_id):
                self._taken[connection_id] = None
                return Task(connection_id, payload)
        return None
