"""The nouns: connections, rooms and their members, and messages."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NewType

from chalicelib.identity import Rights

if TYPE_CHECKING:
    from collections.abc import Mapping

ConnectionId = NewType("ConnectionId", str)
RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)
Epoch = NewType("Epoch", str)
MessageKey = NewType("MessageKey", str)

LOBBY: Final = RoomId("lobby")
"""The room of every connection that speaks the plain form."""


class Protocol(StrEnum):
    """What a connection speaks, decided when it opens."""

    PLAIN = "plain"
    V1 = "v1"


class Sanction(StrEnum):
    """What a moderator may lay on a user in a room, for a time."""

    BAN = "ban"
    MUTE = "mute"


@dataclass(frozen=True, slots=True)
class Origin:
    """The WebSocket API and stage that hold a connection's socket, needed to post to it."""

    api_id: str
    stage: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where one of a user's connections is reached, and since when, in milliseconds since 1970."""

    id: ConnectionId
    origin: Origin
    connected_at: int


@dataclass(frozen=True, slots=True)
class User:
    """Who somebody is to others."""

    user_id: UserId
    username: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One open WebSocket, from its `$connect` to its `$disconnect`.

    Attributes:
        id: as API Gateway names it; new at each reconnect.
        connected_at: milliseconds since 1970.
        rooms: the rooms it is a member of, or may be: what a `forget` has to clean.
        rights: what it may do, as its token grants.
        until: when its token ends, in seconds since 1970; None without a token.
        muted: the rooms where its user may not speak, and until when, in seconds since 1970.
    """

    id: ConnectionId
    user: User
    protocol: Protocol
    connected_at: int
    origin: Origin
    rooms: frozenset[RoomId] = frozenset()
    rights: Rights = field(default_factory=Rights)
    until: int | None = None
    muted: Mapping[RoomId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """One connection's place in one room; `until` is when its token ends, as far as is known."""

    id: ConnectionId
    user: User
    protocol: Protocol
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The members of a room whose hashes lie between two of 65,536 slots, both included."""

    first: int = 0
    last: int = 0xFFFF

    def __str__(self) -> str:
        """Write it as eight hexadecimal digits."""
        return f"{self.first:04x}{self.last:04x}"

    def holds(self, connection_id: ConnectionId) -> bool:
        """Whether a connection's members lie in it."""
        return self.first <= slot(connection_id) <= self.last


@dataclass(frozen=True, slots=True)
class Census:
    """Which members a room has, by version, and about how many."""

    epoch: Epoch
    version: int
    members: int


@dataclass(frozen=True, slots=True)
class Head:
    """Where a room stands.

    Attributes:
        epoch: random, made with the head; a new one means that the numbers begin at 1 again.
        seq: the number of the newest message; 0 before the first.
        recent: the keys of the newest messages, oldest first. The last one's number is `seq`, and
            since numbers have no gaps, the place of a key tells its number.
        version: changes with every join and leave.
        members: how many there are; a hint, mended when the members are next read.
    """

    epoch: Epoch
    seq: int
    recent: tuple[MessageKey, ...]
    version: int
    members: int

    @property
    def census(self) -> Census:
        """Which members the room has."""
        return Census(self.epoch, self.version, self.members)

    def seq_of(self, key: MessageKey) -> int | None:
        """Return the number of a recent message, or None if it is not among them."""
        try:
            return self.seq - len(self.recent) + 1 + self.recent.index(key)
        except ValueError:
            return None


MessageType = Literal["chat", "delete", "deleted"]


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said in a room, accepted and on its way to the members.

    Attributes:
        id: the client's own name for it, unique for its user.
        type: `chat`; `delete`, which takes another message's text away; `deleted` without its own.
        sender: the connection that it came over, which gets an ack instead of a copy; None if it
            came another way.
        sent_at: milliseconds since 1970, when the message was accepted.
        deletes: the number of the message that a `delete` is about.
    """

    id: str
    room: RoomId
    type: MessageType
    text: str
    user: User
    sender: ConnectionId | None
    sent_at: int
    deletes: int | None = None

    @property
    def key(self) -> MessageKey:
        """What makes two messages of a room the same one."""
        return message_key(self.user.user_id, self.id)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A message and its place in its room."""

    seq: int
    epoch: Epoch
    message: Message


def slot(connection_id: ConnectionId) -> int:
    """Return where a connection's members lie among 65,536 slots, evenly spread."""
    return int.from_bytes(hashlib.sha256(connection_id.encode()).digest()[:2])


def message_key(user_id: UserId, message_id: str) -> MessageKey:
    """Return 16 characters that stand for one user's message.

    Scoped by the user, so that nobody can take an id away from somebody else. 96 bits of SHA-256
    keep `Head.recent` short.
    """
    digest = hashlib.sha256(f"{user_id}\n{message_id}".encode()).digest()
    return MessageKey(base64.urlsafe_b64encode(digest[:12]).decode())
