"""Activity of one API: counted, and logged line by line."""

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus

from apigw_local.console.log_events import Hint, LogEvent, count
from apigw_local.gateway.events import Event
from apigw_local.gateway.routing import Route
from apigw_local.lambda_.functions import Function

_log = logging.getLogger("apigw_local.gateway")

OK = "OK"

# A broadcast is thousands of posts within a second.
_GATHER_SECONDS = 0.25
_FAILURES = 400


class ActivityLog:
    """Activity of one API, for the thread of its event loop alone: it has no locks.

    Attributes:
        started_at: Unix time of its start, in seconds.
        connects: Upgrade requests by the status of the answer.
        messages: Messages by outcome.
        closes: Ended connections by close code.
        calls: Calls of ``@connections``.
    """

    def __init__(self) -> None:
        self.started_at = time.time()
        self.connects: Counter[int] = Counter()
        self.messages: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.calls = CallLog()

    def connect(self, event: Event, route: Route | None, status: int, started: float) -> None:
        """Log the answer to an upgrade that began at ``started`` of `time.monotonic`."""
        self.connects[status] += 1
        self._write(
            LogEvent(
                "connect",
                connection=event["requestContext"]["connectionId"],
                function=_name(route),
                status=str(int(status)),
                milliseconds=_since(started),
                detail=f"from {event['requestContext']['identity']['sourceIp']}",
                failed=status >= HTTPStatus.BAD_REQUEST,
                event=event,
            )
        )

    def refuse(self, status: int, path: str = "") -> None:
        """Log a request refused before any function ran."""
        self.connects[status] += 1
        self._write(LogEvent("connect", status=str(int(status)), detail=path, failed=True))

    def message(self, event: Event, route: Route | None, outcome: str, started: float) -> None:
        """Log a message and its outcome: `OK`, or the error in its client's frame."""
        self.messages[outcome] += 1
        answered = "" if outcome == OK else f", answered {outcome!r}"
        self._write(
            LogEvent(
                "message",
                connection=event["requestContext"]["connectionId"],
                function=_name(route),
                status="ok" if outcome == OK else "fail",
                milliseconds=_since(started),
                detail=f"{count(len(event['body'].encode()), 'byte')}{answered}",
                failed=outcome != OK,
                event=event,
            )
        )

    def close(self, connection_id: str, code: int, reason: str) -> None:
        """Log the end of a connection."""
        self.closes[code] += 1
        self._write(
            LogEvent("close", connection=connection_id, status=str(int(code)), detail=reason)
        )

    def invocation(
        self, kind: str, event: Event, function: Function, *, failed: bool, started: float
    ) -> None:
        """Log an invocation whose result no client waits for."""
        self._write(
            LogEvent(
                kind,
                connection=event.get("requestContext", {}).get("connectionId", ""),
                function=function.name,
                status="fail" if failed else "ok",
                milliseconds=_since(started),
                failed=failed,
                event=event,
            )
        )

    def lose_disconnect(self, connection_id: str) -> None:
        """Log an injected loss of ``$disconnect``."""
        self._write(
            LogEvent("disconnect", connection=connection_id, status="lost", detail="by chaos")
        )

    def hint(self, hint: Hint) -> None:
        """Log a hint."""
        _log.info(hint)

    def _write(self, event: LogEvent) -> None:
        self.calls.flush()
        _log.info(event)


@dataclass(slots=True)
class _Summary:
    """Calls of one method with one status since the last line."""

    calls: int = 0
    size: int = 0
    connections: set[str] = field(default_factory=set)


class CallLog:
    """Calls of ``@connections``, each one counted, many of them logged in one line.

    Attributes:
        counts: Calls by method and status.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, int]] = Counter()
        self._summaries: dict[tuple[str, int], _Summary] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, method: str, status: int, connection_id: str, size: int) -> None:
        """Count a call; its line follows within a moment.

        Args:
            method: The HTTP method.
            status: The status of the answer, 0 if there is none.
            connection_id: The connection's id, as the caller gave it.
            size: The length of the body, in bytes.
        """
        key = (method, status)
        self.counts[key] += 1
        if not _log.isEnabledFor(logging.INFO):
            return
        summary = self._summaries.get(key)
        if summary is None:
            summary = self._summaries[key] = _Summary()
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self.flush)
        summary.calls += 1
        summary.size += size
        summary.connections.add(connection_id)

    def flush(self) -> None:
        """Log the calls gathered so far, so that later events stand below them."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        summaries, self._summaries = self._summaries, {}
        for (method, status), summary in summaries.items():
            _log.info(_line(method, status, summary))


def _name(route: Route | None) -> str:
    return route.function.name if route else ""


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000


def _line(method: str, status: int, summary: _Summary) -> LogEvent:
    alone = len(summary.connections) == 1
    connection = next(iter(summary.connections)) if alone else ""
    several = "" if summary.calls == 1 else count(summary.calls, method.lower())
    if not alone:
        several += f" to {count(len(summary.connections), 'connection')}"
    size = count(summary.size, "byte") if summary.size else ""
    return LogEvent(
        method.lower(),
        connection=connection,
        status=str(status) if status else "none",
        detail=", ".join(filter(None, (several, size))),
        failed=status >= _FAILURES or not status,
    )
