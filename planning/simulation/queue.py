"""An SQS FIFO queue, and the mapping that hands what it holds to a function."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from planning.quotas import BATCH, MOST_POLLERS, POLLERS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simpy import Environment

    from planning.simulation.lambdas import Process


class Grouped(Protocol):
    """A job of a message group."""

    @property
    def group(self) -> str:
        """Jobs of one group are carried out one batch at a time."""


_Job = TypeVar("_Job", bound=Grouped)


@dataclass(frozen=True)
class Job:
    """Something to tell to some members of a room.

    Attributes:
        group: jobs of one group are carried out one batch at a time.
        members: how many are to be told.
        sent: when each of the messages left its sender.
        fresh: whether the message has no number yet.
    """

    room: int
    group: str
    members: int
    sent: tuple[float, ...]
    fresh: bool


class Queue(Generic[_Job]):
    """Groups of jobs, handed over in batches: one at a time for a group, each in its order.

    Args:
        consume: carries out a batch.
        latency: draws the seconds from sending to the handler.
        together: how many groups one batch may hold. The documents say "more than one"; how many
            they are when several groups have jobs at the same time is SQS's secret.
        pollers: batches under way at a time, at first; more are added while jobs wait for one.

    Attributes:
        requests: calls of the queue's API, a batch counted once.
        longest_wait: how long a free group waited for a poller, in seconds.
    """

    def __init__(
        self,
        env: Environment,
        consume: Callable[[Sequence[_Job]], Process],
        latency: Callable[[], float],
        together: int,
        pollers: int,
    ) -> None:
        self.requests = 0
        self.longest_wait = 0.0
        self._env = env
        self._consume = consume
        self._latency = latency
        self._together = together
        self._pollers = pollers
        self._busy = 0
        self._growing = False
        self._waiting: defaultdict[str, deque[_Job]] = defaultdict(deque)
        self._ready: deque[tuple[str, float]] = deque()
        self._taken: set[str] = set()

    def send(self, jobs: Sequence[_Job]) -> None:
        """Queue up to ten jobs in one call."""
        self.requests += 1
        for job in jobs:
            self._waiting[job.group].append(job)
            self._offer(job.group)
        self._hand_over()

    def _offer(self, group: str) -> None:
        """Let a group be taken, unless it is being served or offered already."""
        if group not in self._taken:
            self._taken.add(group)
            self._ready.append((group, self._env.now))

    def _hand_over(self) -> None:
        while self._ready and self._busy < self._pollers:
            self._busy += 1
            self._env.process(self._serve(*self._take()))
        if self._ready and not self._growing and self._pollers < MOST_POLLERS:
            self._growing = True
            self._env.process(self._grow())

    def _take(self) -> tuple[list[str], list[_Job]]:
        groups: list[str] = []
        batch: list[_Job] = []
        while self._ready and len(groups) < self._together and len(batch) < BATCH:
            group, since = self._ready.popleft()
            self.longest_wait = max(self.longest_wait, self._env.now - since)
            groups.append(group)
            waiting = self._waiting[group]
            batch += [waiting.popleft() for _ in range(min(len(waiting), BATCH - len(batch)))]
        return groups, batch

    def _serve(self, groups: Sequence[str], batch: Sequence[_Job]) -> Process:
        yield self._env.timeout(self._latency())
        yield from self._consume(batch)
        self.requests += 2
        self._busy -= 1
        for group in groups:
            self._taken.discard(group)
            if self._waiting[group]:
                self._offer(group)
            else:
                del self._waiting[group]
        self._hand_over()

    def _grow(self) -> Process:
        yield self._env.timeout(1 / POLLERS_PER_SECOND)
        self._growing = False
        self._pollers += 1
        self._hand_over()
