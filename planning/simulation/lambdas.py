"""Lambda functions: their containers, what those know already, and what running them takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simpy import Environment, Resource

from planning.quotas import (
    IMPORTS,
    LAMBDA_CONCURRENCY,
    LAMBDA_STARTS,
    LAMBDA_STARTS_PER_SECOND,
    PLATFORM_START,
    SOCKETS,
)
from planning.simulation.buckets import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from simpy import Event

    Process = Generator[Event, object, None]


class Container:
    """One execution environment.

    Args:
        warm: whether it was there before, with every socket open and every room's members read.

    Attributes:
        new: whether it has still to start.
    """

    def __init__(self, *, warm: bool) -> None:
        self.new = not warm
        self._sockets = SOCKETS if warm else 0
        self._known: set[str] | None = None if warm else set()

    def open_sockets(self, wanted: int) -> int:
        """Have so many sockets open, or the most there may be; return how many are new."""
        new = max(0, min(wanted, SOCKETS) - self._sockets)
        self._sockets += new
        return new

    def learn(self, group: str) -> bool:
        """Know the members of a group from now on; return whether they have to be read."""
        if self._known is None or group in self._known:
            return False
        self._known.add(group)
        return True


class Concurrency:
    """An account's Lambda concurrency, shared by its functions.

    Attributes:
        peak: how many ran at a time, at most.
        longest_wait: how long one had to wait for its turn, in seconds.
    """

    def __init__(self, env: Environment) -> None:
        self.slots = Resource(env, LAMBDA_CONCURRENCY)
        self.peak = 0
        self.longest_wait = 0.0

    def note(self, wait: float) -> None:
        """Look how many run now, as one begins after a wait."""
        self.peak = max(self.peak, self.slots.count)
        self.longest_wait = max(self.longest_wait, wait)


class Function:
    """One Lambda function. The container that ended last is used first.

    Attributes:
        invocations: how many there were.
        seconds: what is billed, the application's own start included.
    """

    def __init__(self, env: Environment, concurrency: Concurrency, *, warm: bool) -> None:
        self.invocations = 0
        self.seconds = 0.0
        self._env = env
        self._concurrency = concurrency
        self._warm = warm
        self._idle: list[Container] = []
        self._starts = Bucket(LAMBDA_STARTS_PER_SECOND, LAMBDA_STARTS)

    def run(self, work: Callable[[Container], Process]) -> Process:
        """Do some work in a container."""
        asked = self._env.now
        with self._concurrency.slots.request() as slot:
            yield slot
            self._concurrency.note(self._env.now - asked)
            container = self._idle.pop() if self._idle else Container(warm=self._warm)
            if container.new:
                yield self._env.timeout(self._starts.wait(1, self._env.now) + PLATFORM_START)
            began = self._env.now
            if container.new:
                yield self._env.timeout(IMPORTS)
                container.new = False
            yield from work(container)
            self.invocations += 1
            self.seconds += self._env.now - began
            self._idle.append(container)
