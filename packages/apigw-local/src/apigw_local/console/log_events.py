"""Log events and hints, as modules log them: `log.info(LogEvent("message", ...))`.

A record's message may be any object. `formatter` gives a log event its columns; any other
handler writes its text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Event in the gateway's log.

    Clients' texts stand in `event` alone, which is shown only with `--verbose`.

    Attributes:
        kind: in one word: connect, message, post, close, disconnect, batch, schedule, error,
            defect.
        connection: the connection's id.
        function: the function that was invoked.
        status: the outcome: an HTTP status, a close code, ok, fail.
        milliseconds: the duration of the invocation.
        detail: the rest, for people.
        failed: whether a developer will want to look into it.
        event: the function's event.
    """

    kind: str
    connection: str = ""
    function: str = ""
    status: str = ""
    milliseconds: float | None = None
    detail: str = ""
    failed: bool = False
    event: Mapping[str, Any] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """Return the fields that are not empty, in their order."""
        duration = "" if self.milliseconds is None else f"{self.milliseconds:.0f} ms"
        parts = (self.kind, self.connection, self.function, self.status, duration, self.detail)
        return " ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Hint:
    """Hint at a behaviour of AWS or Chalice that the developer may not expect.

    Attributes:
        kind: its name; each kind is shown once.
        text: the behaviour, and the cure.
        link: its documentation, or a report of it.
    """

    kind: str
    text: str
    link: str

    def __str__(self) -> str:
        """Return the text, then the link."""
        return f"{self.text} {self.link}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 record` or `2,000 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
