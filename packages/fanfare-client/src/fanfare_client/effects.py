"""Effects: what a timeline asks its caller to do, or to know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Frame = dict[str, Any]
"""One decoded JSON object of the wire."""


@dataclass(frozen=True, slots=True)
class Join:
    """Send `join`; None for both asks for no replay."""

    since: int | None
    epoch: str | None


@dataclass(frozen=True, slots=True)
class AskHistory:
    """Send `history`, for the page after that seq."""

    after: int


@dataclass(frozen=True, slots=True)
class Send:
    """Send one's own message."""

    id: str
    text: str
    resend: bool


@dataclass(frozen=True, slots=True)
class Deliver:
    """Show this `message`; the next in the room's order."""

    message: Frame


@dataclass(frozen=True, slots=True)
class Settle:
    """One's own message is stored under that seq."""

    id: str
    seq: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """One's own message was refused for good; with no id, the room itself was."""

    id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages are missing for good; the reason is `expired` or `epoch`."""

    reason: str


Effect = Join | AskHistory | Send | Deliver | Settle | Rejected | Gap
