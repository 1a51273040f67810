"""What the use cases ask of a poster, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

from chalicelib.model import ConnectionId

Post = tuple[ConnectionId, bytes]
"""The connection to post to, and the frame's UTF-8 text."""


class Reason(StrEnum):
    """Why a connection did not get a post."""

    GONE = "gone"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"


@dataclass
class Report:
    """What became of some posts, by connection.

    Attributes:
        delivered: connections that took every post meant for them; the gateway took them, which
            is not yet proof that the person has them.
        gone: connections that exist no more (410).
        failed: connections that missed a post, with the reason; later posts to such a connection
            were not tried, so that it never sees a later frame before an earlier one.
        posts: how many posts were sent over the wire.
    """

    delivered: set[ConnectionId] = field(default_factory=set)
    gone: set[ConnectionId] = field(default_factory=set)
    failed: dict[ConnectionId, Reason] = field(default_factory=dict)
    posts: int = 0

    def add(self, connection_id: ConnectionId, reason: Reason | None) -> None:
        """Note how the posts to one connection ended; None when all were delivered."""
        if reason is None:
            self.delivered.add(connection_id)
        elif reason is Reason.GONE:
            self.gone.add(connection_id)
        else:
            self.failed[connection_id] = reason

    def merge(self, other: Report) -> None:
        """Add what became of other posts."""
        self.delivered |= other.delivered
        self.gone |= other.gone
        self.failed |= other.failed
        self.posts += other.posts


class Poster(Protocol):
    """Posts frames to connections of one API and stage.

    Posts to one connection are sent in the order given, each after the one before has been
    answered; posts to different connections run side by side in any order. A post whose answer
    got lost may have been delivered.
    """

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """Send every post, or give up at the deadline, in seconds of `time.monotonic`.

        Nothing is raised for what happens to a single post; the report tells.
        """
