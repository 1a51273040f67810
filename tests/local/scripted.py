"""A function whose invocations end as the test likes, and other helpers of these tests."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

WAIT_SECONDS = 10.0

MakeQueue = Callable[..., str]


@dataclass
class Invocation:
    """One batch that a function was given; the test decides how it ends."""

    event: dict[str, Any]
    future: Future[Any]

    @property
    def bodies(self) -> list[str]:
        """The records' bodies, in order."""
        return [record["body"] for record in self.event["Records"]]

    def succeed(self, answer: Any = None) -> None:
        """Let the handler return."""
        self.future.set_result(answer)

    def fail(self) -> None:
        """Let the handler raise."""
        self.future.set_exception(RuntimeError("the handler raised"))


@dataclass
class ScriptedFunction:
    """A function whose invocations a test takes one by one and ends as it likes."""

    name: str = "scripted"
    timeout: float = 60.0
    _invocations: queue.Queue[Invocation] = field(default_factory=queue.Queue)

    def invoke(self, event: dict[str, Any]) -> Future[Any]:
        """Record an invocation and leave it open."""
        invocation = Invocation(event, Future())
        self._invocations.put(invocation)
        return invocation.future

    def next(self, timeout: float = WAIT_SECONDS) -> Invocation:
        """Take the next invocation, waiting for it; `queue.Empty` if none comes."""
        return self._invocations.get(timeout=timeout)
