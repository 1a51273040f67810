"""Calls of ``@connections``: each one counted, many of them told in one line."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from apigw_local.console.log_events import Fact, count

_log = logging.getLogger("apigw_local.gateway")

# A broadcast is thousands of posts within a second.
_GATHER_SECONDS = 0.25
_FAILURES = 400


@dataclass(slots=True)
class _Untold:
    """Calls of one method with one outcome since the last line."""

    calls: int = 0
    size: int = 0
    connections: set[str] = field(default_factory=set)


class Calls:
    """The calls that one API has answered; for its event loop's thread alone.

    Attributes:
        counts: How many, by method and status.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self._untold: dict[tuple[str, int], _Untold] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, method: str, status: int, connection_id: str, size: int) -> None:
        """Count a call, and tell of it in a moment.

        Args:
            method: The HTTP method.
            status: The status of the answer, 0 if there is none.
            connection_id: What the caller said was the connection.
            size: The length of the body, in bytes.
        """
        key = (method, status)
        self.counts[key] += 1
        if not _log.isEnabledFor(logging.INFO):
            return
        untold = self._untold.get(key)
        if untold is None:
            untold = self._untold[key] = _Untold()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.tell)
        untold.calls += 1
        untold.size += size
        untold.connections.add(connection_id)

    def tell(self) -> None:
        """Tell of what has not been told yet, so that what comes next stands below it."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        told, self._untold = self._untold, {}
        for (method, status), untold in told.items():
            _log.info(_line(method, status, untold))


def _line(method: str, status: int, untold: _Untold) -> Fact:
    alone = len(untold.connections) == 1
    connection = next(iter(untold.connections)) if alone else ""
    several = "" if untold.calls == 1 else count(untold.calls, method.lower())
    if not alone:
        several += f" to {count(len(untold.connections), 'connection')}"
    size = count(untold.size, "byte") if untold.size else ""
    return Fact(
        method.lower(),
        connection=connection,
        status=str(status) if status else "none",
        detail=", ".join(filter(None, (several, size))),
        failed=status >= _FAILURES or not status,
    )
