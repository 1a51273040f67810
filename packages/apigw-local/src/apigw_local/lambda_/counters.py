"""How often a function has been invoked, and how that went."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future


class Tally:
    """Counts the invocations of one function, which begin and end in any thread.

    Attributes:
        invocations: those that have begun.
        in_flight: those that have not ended.
        failures: those that have raised.
    """

    def __init__(self) -> None:
        self.invocations = self.in_flight = self.failures = 0
        self._lock = threading.Lock()

    def follow(self, invocation: Future[Any]) -> Future[Any]:
        """Count an invocation that has just begun, and return it."""
        with self._lock:
            self.invocations += 1
            self.in_flight += 1
        invocation.add_done_callback(self._ended)
        return invocation

    def _ended(self, invocation: Future[Any]) -> None:
        failed = not invocation.cancelled() and invocation.exception() is not None
        with self._lock:
            self.in_flight -= 1
            self.failures += failed
