"""What has happened, as modules log it: `log.info(Fact("message", ...))`.

A record's message may be any object. `terminal` gives a fact its columns; anywhere else it reads
as its text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fact:
    """One event.

    What clients say stands in `event` alone, which is shown only when asked for.

    Attributes:
        kind: in one word: connect, message, post, close, disconnect, batch, schedule, error,
            defect.
        connection: the connection's id, or how many there are.
        function: the function that was invoked.
        status: how it ended, in as few letters as the field has: an HTTP status, a close code, ok.
        milliseconds: how long the invocation took.
        detail: the rest, for people.
        failed: whether a developer will want to look into it.
        event: all that the function was handed.
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
        """The fields that say something, in their order."""
        duration = "" if self.milliseconds is None else f"{self.milliseconds:.0f} ms"
        parts = (self.kind, self.connection, self.function, self.status, duration, self.detail)
        return " ".join(filter(None, parts))


@dataclass(frozen=True, slots=True)
class Hint:
    """What AWS does, or Chalice, that the developer may not expect.

    Attributes:
        kind: its name; `terminal` says each kind once.
        text: what happens, and what to do.
        link: where that is documented, or was seen.
    """

    kind: str
    text: str
    link: str

    def __str__(self) -> str:
        """The text, then the link."""
        return f"{self.text} {self.link}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 record` or `2,000 records`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
