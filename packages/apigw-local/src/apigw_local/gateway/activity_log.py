"""What one API has done: counted, and told line by line."""

import logging
import time
from collections import Counter
from http import HTTPStatus

from apigw_local.console.log_events import Fact, Hint, count
from apigw_local.gateway.call_log import Calls
from apigw_local.gateway.events import Event
from apigw_local.gateway.routing import Route
from apigw_local.lambda_.functions import Function

_log = logging.getLogger("apigw_local.gateway")

OK = "OK"


class Journal:
    """Counts without locks, so it is for the API's event loop's thread alone.

    Attributes:
        started_at: When it was begun, in seconds since 1970.
        connects: How many clients asked to connect, by the status of the answer.
        messages: How many messages came, by what became of them.
        closes: How many connections ended, by their close code.
        calls: Those of ``@connections``.
    """

    def __init__(self) -> None:
        self.started_at = time.time()
        self.connects: Counter[int] = Counter()
        self.messages: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()
        self.calls = Calls()

    def connect(self, event: Event, route: Route | None, status: int, started: float) -> None:
        """Note the answer to an upgrade; ``started`` is when `time.monotonic` told so."""
        self.connects[status] += 1
        self._tell(
            Fact(
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
        """Note a request that no function got to see."""
        self.connects[status] += 1
        self._tell(Fact("connect", status=str(int(status)), detail=path, failed=True))

    def message(self, event: Event, route: Route | None, outcome: str, started: float) -> None:
        """Note what became of a message: `OK`, or what its client was told instead."""
        self.messages[outcome] += 1
        answered = "" if outcome == OK else f", answered {outcome!r}"
        self._tell(
            Fact(
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
        """Note the end of a connection."""
        self.closes[code] += 1
        self._tell(Fact("close", connection=connection_id, status=str(int(code)), detail=reason))

    def invocation(
        self, kind: str, event: Event, function: Function, *, failed: bool, started: float
    ) -> None:
        """Note that a function has run for which no client waits."""
        self._tell(
            Fact(
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
        """Note that ``$disconnect`` was lost on purpose."""
        self._tell(Fact("disconnect", connection=connection_id, status="lost", detail="by chaos"))

    def hint(self, hint: Hint) -> None:
        """Explain what has just happened, or will in a moment."""
        _log.info(hint)

    def _tell(self, fact: Fact) -> None:
        self.calls.tell()
        _log.info(fact)


def _name(route: Route | None) -> str:
    return route.function.name if route else ""


def _since(started: float) -> float:
    return (time.monotonic() - started) * 1000
