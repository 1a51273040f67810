"""Identity: a proven user, the user's rights in rooms, and the end of the proof."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import field

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.model import RoomId, User

WARNED_SECONDS: Final = 300
"""Seconds before a token's end in which every answer warns its connection.

It is longer than a client's pings lie apart, so that even one that says nothing else hears of it.
"""

GRACE_SECONDS: Final = 60
"""Seconds that a connection outlives its token, only to bring a new one."""

PATTERNS_LIMIT: Final = 50
"""Patterns of one right; they are kept with each connection."""

Patterns = tuple[str, ...]
"""Names of rooms; one that ends in `*` stands for every name that begins so."""


def matches(patterns: Patterns, room: RoomId) -> bool:
    """Whether a room is meant by any of some patterns."""
    return any(
        room.startswith(pattern[:-1]) if pattern.endswith("*") else room == pattern
        for pattern in patterns
    )


class Rights(Record, frozen=True):
    """The rooms somebody may join, speak in, and moderate.

    Attributes:
        join: rooms to enter, read and be seen in; None for every room that is not private.
        publish: rooms to speak in, as far as they may be joined; None for all of those.
        moderate: rooms to keep order in.
    """

    join: Patterns | None = None
    publish: Patterns | None = None
    moderate: Patterns = ()

    def may_join(self, room: RoomId, private: Patterns) -> bool:
        """Whether the room may be entered, where some rooms are private."""
        if self.join is None:
            return not matches(private, room)
        return matches(self.join, room)

    def may_publish(self, room: RoomId) -> bool:
        """Whether a member of the room may speak."""
        return self.publish is None or matches(self.publish, room)

    def may_moderate(self, room: RoomId) -> bool:
        """Whether order in the room is theirs to keep."""
        return matches(self.moderate, room)

    def may_notify(self) -> bool:
        """Whether they may tell any user anything: those who keep order everywhere may."""
        return "*" in self.moderate


class Identity(Record, frozen=True):
    """User that opens a connection, as far as proven.

    Attributes:
        user: who they are to others.
        rights: what they may do.
        until: when the proof of it ends, in seconds since 1970; None if it never does.
    """

    user: User
    rights: Rights = field(default_factory=Rights)
    until: int | None = None


def ends_soon(until: int | None, now: float) -> bool:
    """Whether a proof that holds until then is about to end, or has ended."""
    return until is not None and until - WARNED_SECONDS <= now


def has_ended(until: int | None, now: float) -> bool:
    """Whether it proves nothing any more."""
    return until is not None and until <= now


def is_over(until: int | None, now: float) -> bool:
    """Whether what it was given for has to end, too."""
    return until is not None and until + GRACE_SECONDS <= now
