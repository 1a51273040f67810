"""Model: connections, rooms, members and messages."""

from __future__ import annotations

import base64
import hashlib
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Literal, NewType

from msgspec import field

from chalicelib.core.identity import Rights
from chalicelib.core.record import Record

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
    """Form of the protocol that a connection speaks, decided when it opens."""

    PLAIN = "plain"
    V1 = "v1"


class Sanction(StrEnum):
    """Restriction of a user in a room, for a time."""

    BAN = "ban"
    MUTE = "mute"


class ApiStage(Record, frozen=True):
    """The WebSocket API and stage that hold a connection's socket, needed to post to it."""

    api_id: str
    stage: str


class Address(Record, frozen=True):
    """Address of a user's connection; `connected_at` in milliseconds since 1970."""

    id: ConnectionId
    api_stage: ApiStage
    connected_at: int


class User(Record, frozen=True):
    """User as others see it."""

    user_id: UserId
    username: str


class JoinedRooms(Record, frozen=True):
    """The rooms that a connection has joined, by digest: enough to ask whether one is among them.

    Names would make the item that is charged for each frame 13 KB long. A digest is salted with the
    connection's id, so that nobody can look for a second name with the digest of a private room
    before the connection is open.
    """

    connection_id: ConnectionId
    digests: frozenset[bytes] = frozenset()

    def __contains__(self, room: RoomId) -> bool:
        """Whether the connection has joined a room."""
        return room_digest(self.connection_id, room) in self.digests

    def __len__(self) -> int:
        """Return how many rooms there are."""
        return len(self.digests)


class Connection(Record, frozen=True):
    """One open WebSocket, from its `$connect` to its `$disconnect`.

    Attributes:
        id: as API Gateway names it; new at each reconnect.
        connected_at: milliseconds since 1970.
        digests: the rooms that it has joined, as `rooms` reads them.
        rights: what it may do, as its token grants.
        until: when its token ends, in seconds since 1970; None without a token.
        mutes: until when its user may not speak in a room, by the room's digest, in seconds since
            1970.
        leaves: how often it has left rooms; a join that another leave overtakes begins again.
    """

    id: ConnectionId
    user: User
    protocol: Protocol
    connected_at: int
    api_stage: ApiStage
    digests: frozenset[bytes] = frozenset()
    rights: Rights = field(default_factory=Rights)
    until: int | None = None
    mutes: Mapping[bytes, int] = field(default_factory=dict)
    leaves: int = 0

    @property
    def rooms(self) -> JoinedRooms:
        """The rooms that it has joined."""
        return JoinedRooms(self.id, self.digests)

    def muted_until(self, room: RoomId) -> int | None:
        """Return until when its user may not speak in a room; None if never muted there."""
        return self.mutes.get(room_digest(self.id, room))


class Member(Record, frozen=True):
    """One connection's place in one room.

    Attributes:
        api_stage: where it is posted to.
        connected_at: when its connection opened, in milliseconds since 1970.
        until: when its token ends, as far as is known.
    """

    id: ConnectionId
    user: User
    protocol: Protocol
    # Queued jobs hold it under this name.
    api_stage: ApiStage = field(name="origin")
    connected_at: int
    until: int | None = None


class SlotRange(Record, frozen=True, order=True):
    """The members of a room whose hashes lie between two of 65,536 slots, both included."""

    first: int = 0
    last: int = 0xFFFF

    def __str__(self) -> str:
        """Write it as eight hexadecimal digits."""
        return f"{self.first:04x}{self.last:04x}"

    def __len__(self) -> int:
        """Return the number of slots."""
        return self.last - self.first + 1

    def overlaps(self, other: SlotRange) -> bool:
        """Whether it shares slots with another."""
        return self.first <= other.last and other.first <= self.last

    def overlap(self, other: SlotRange) -> SlotRange:
        """Return the slots that it shares with another, which overlaps it."""
        return SlotRange(max(self.first, other.first), min(self.last, other.last))

    def cut(self, parts: int) -> tuple[SlotRange, ...]:
        """Cut it into equal parts, no more than it has slots."""
        parts = min(parts, len(self))
        starts = [self.first + len(self) * part // parts for part in range(parts + 1)]
        return tuple(SlotRange(start, end - 1) for start, end in pairwise(starts))

    def holds(self, connection_id: ConnectionId) -> bool:
        """Whether a connection's members lie in it."""
        return self.first <= slot(connection_id) <= self.last


class MembershipVersion(Record, frozen=True):
    """Version of a room's members in the lowest shard, and their approximate number.

    Attributes:
        members: how many there are in all, or in the part at hand.
        lowest: how many the lowest shard has.
        level: up to which level there are shards; those above the lowest have versions of their
            own.
    """

    epoch: Epoch
    version: int
    members: int
    lowest: int
    level: int = 0


class Wait(Record, frozen=True):
    """Time that records of a room waited in the queue, as a broadcast found it.

    Attributes:
        longest: of the oldest record of a batch, in milliseconds.
        seen_at: when, in milliseconds since 1970; 0 if never.
    """

    longest: int = 0
    seen_at: int = 0


class RoomHead(Record, frozen=True):
    """Head of a room: its newest number and its members' version.

    Attributes:
        epoch: random, made with the head; a new one means that the numbers begin at 1 again.
        seq: the number of the newest message; 0 before the first.
        version: changes with every join and leave at the lowest level.
        members: how many there are at the lowest level; a hint, mended when they are next read.
        level: up to which level members are spread over shards.
        numbering: how long messages waited until the newest numbering.
        signalling: how long signals waited, if that was too long.
    """

    epoch: Epoch
    seq: int = 0
    version: int = 0
    members: int = 0
    level: int = 0
    numbering: Wait = Wait()
    signalling: Wait = Wait()

    def membership_version(self, members: int) -> MembershipVersion:
        """Tell which members the room has, who are so many."""
        return MembershipVersion(self.epoch, self.version, members, self.members, self.level)


MessageType = Literal["chat", "delete", "deleted"]


class Message(Record, frozen=True):
    """Message to a room, accepted and on its way to the members.

    Attributes:
        id: the client's own name for it, unique for its user.
        type: `chat`; `delete`, which takes another message's text away; `deleted` without its own.
        sender: the connection that it came over, which gets an ack instead of a copy; None if it
            came another way.
        api_stage: where that connection is posted to.
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
    api_stage: ApiStage | None = field(default=None, name="origin")

    @property
    def key(self) -> MessageKey:
        """Key by which two messages of a room are the same one."""
        return message_key(self.user.user_id, self.id)


class SequencedMessage(Record, frozen=True):
    """A message and its place in its room."""

    seq: int
    epoch: Epoch
    message: Message


def slot(connection_id: ConnectionId) -> int:
    """Return where a connection's members lie among 65,536 slots, evenly spread."""
    return int.from_bytes(hashlib.sha256(connection_id.encode()).digest()[:2])


def room_digest(connection_id: ConnectionId, room: RoomId) -> bytes:
    """Return 8 bytes that stand for a room in a connection's item."""
    return hashlib.sha256(f"{connection_id}\n{room}".encode()).digest()[:8]


def message_key(user_id: UserId, message_id: str) -> MessageKey:
    """Return 16 characters that stand for one user's message.

    Scoped by the user, so that nobody can take an id away from somebody else.
    """
    digest = hashlib.sha256(f"{user_id}\n{message_id}".encode()).digest()
    return MessageKey(base64.urlsafe_b64encode(digest[:12]).decode())
