"""Poster port: posts to connections, their report, and the management of connections."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable

from chalicelib.core.model import ConnectionId

Post = tuple[ConnectionId, bytes]
"""The connection to post to, and the frame's UTF-8 text."""


class Reason(StrEnum):
    """Why a connection did not get a post.

    The gateway answers 429 both when it is asked too much (`THROTTLED`) and when one client does
    not read what it is sent (`SLOW_CONSUMER`); a poster that can't tell says `THROTTLED`.
    `REFUSED` is any other answer, none at all, or a gateway that can't be reached or trusted.
    """

    GONE = "gone"
    THROTTLED = "throttled"
    SLOW_CONSUMER = "slow_consumer"
    TIMED_OUT = "timed_out"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"


class Report(Struct):
    """Report on posts, by connection.

    Attributes:
        delivered: connections that took every post meant for them; the gateway took them, which
            is not yet proof that the person has them.
        gone: connections that exist no more (410).
        failed: connections that missed a post, with the reason; later posts to such a connection
            were not tried, so that it never sees a later frame before an earlier one.
        posts: how many posts were sent over the wire, each try counted.
        sent_bytes: what was sent, in bytes before encryption; 0 where a poster does not see it.
        retries: how many posts were sent again.
        possible_duplicates: how many of those may have been delivered before, since the answer
            got lost or said 5xx.
        sockets_opened: how many sockets were opened; 0 where a poster does not see it.
        seconds: how long it took.
        slowest: how long the slowest answer took, in seconds.
        complaints: what the gateway or the network said, one example for each reason.
    """

    delivered: set[ConnectionId] = field(default_factory=set)
    gone: set[ConnectionId] = field(default_factory=set)
    failed: dict[ConnectionId, Reason] = field(default_factory=dict)
    posts: int = 0
    sent_bytes: int = 0
    retries: int = 0
    possible_duplicates: int = 0
    sockets_opened: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    complaints: dict[Reason, str] = field(default_factory=dict)

    def add(self, connection_id: ConnectionId, reason: Reason | None) -> None:
        """Note how the posts to one connection ended; None when all were delivered."""
        if reason is None:
            self.delivered.add(connection_id)
            return
        self.delivered.discard(connection_id)
        if reason is Reason.GONE:
            self.gone.add(connection_id)
        else:
            self.failed[connection_id] = reason

    def has_lost(self, connection_id: ConnectionId) -> bool:
        """Return whether a connection missed a post, so that it must not get a later one."""
        return connection_id in self.failed or connection_id in self.gone

    def merge(self, other: Report) -> None:
        """Add what became of other posts, made after these."""
        self.delivered |= other.delivered
        self.gone |= other.gone
        self.failed |= other.failed
        self.posts += other.posts
        self.sent_bytes += other.sent_bytes
        self.retries += other.retries
        self.possible_duplicates += other.possible_duplicates
        self.sockets_opened += other.sockets_opened
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.complaints |= other.complaints


class ClientIdentity(msgspec.Struct, frozen=True, rename="camel"):
    """Client of a connection, as the gateway saw it when it opened."""

    source_ip: str
    user_agent: str | None = None


class ConnectionInfo(msgspec.Struct, frozen=True, rename="camel"):
    """Connection as the gateway knows it."""

    connected_at: datetime
    last_active_at: datetime
    identity: ClientIdentity


class Poster(Protocol):
    """Posts frames to connections of one API and stage.

    Posts to one connection are sent in the order given, each after the one before has been
    answered; posts to different connections run side by side in any order. A post whose answer
    got lost may have been delivered. Several threads may post at once.
    """

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """Send every post, or give up at the deadline, in seconds of `time.monotonic`.

        Nothing is raised for what happens to a single post; the report tells.
        """


class ConnectionManager(Protocol):
    """Looks after connections of one API and stage; every poster can do this, too.

    Deadlines are in seconds of `time.monotonic`, and nothing is raised.
    """

    def close(self, connection_id: ConnectionId, deadline: float) -> Reason | None:
        """Disconnect a connection; return None, or why it may not be disconnected.

        `Reason.GONE` says that there was nothing left to do.
        """

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:
        """Return what the gateway knows of a connection, or why it could not be asked."""


class ManagementApi(Poster, ConnectionManager, Protocol):
    """Posts to connections of one API and stage, and looks after them."""
