"""Pure decisions about rooms: who gets which number, and who is to receive what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from chalicelib import protocol
from chalicelib.model import ConnectionId, Numbered, Protocol
from chalicelib.protocol import FRAME_LIMIT, PresenceFrame, SignalFrame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from msgspec import Raw

    from chalicelib.model import Head, Member, Message, RoomId, User

RECENT: Final = 100
"""How many keys a head keeps, to know a message that comes again.

Ten full batches. A key is 16 bytes, so that writing a head costs two write units.
"""

PRESENCE_LIMIT: Final = 200
"""Members up to which a room is told names, and more than once; above it only the count."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """A batch of messages with their numbers.

    Attributes:
        numbered: every message of the batch, in order.
        fresh: those that have their number from this batch, each once.
        head: where the room stands when `fresh` is stored.
    """

    numbered: tuple[Numbered, ...]
    fresh: tuple[Numbered, ...]
    head: Head


def number(head: Head, messages: Iterable[Message]) -> Numbering:
    """Give each message the number it has, or the next one.

    Given the same head, the same messages in the same order get the same numbers, so a batch that
    comes again after a worker has died is numbered as the dead worker did.
    """
    numbered: list[Numbered] = []
    fresh: list[Numbered] = []
    for message in messages:
        seq = head.seq_of(message.key)
        if seq is None:
            seq = head.seq + 1
            head = replace(head, seq=seq, recent=(*head.recent, message.key)[-RECENT:])
            fresh.append(Numbered(seq, head.epoch, message))
        numbered.append(Numbered(seq, head.epoch, message))
    return Numbering(tuple(numbered), tuple(fresh), head)


@dataclass(frozen=True, slots=True)
class SignalSent:
    """A signal on its way to the members; `data` is JSON."""

    data: Raw
    user: User
    sender: ConnectionId


@dataclass(frozen=True, slots=True)
class Presence:
    """Who came and who went, and how many there are now."""

    joined: tuple[User, ...]
    left: tuple[User, ...]
    members: int


@dataclass(frozen=True, slots=True)
class Bulletin:
    """What a batch has to tell the members of one room.

    Attributes:
        entries: messages and signals, in order.
        presence: comings and goings, if any are to be told.
    """

    room: RoomId
    entries: tuple[Numbered | SignalSent, ...]
    presence: Presence | None = None

    def posts(self, members: Iterable[Member]) -> Iterator[tuple[ConnectionId, bytes]]:
        """Yield what to post to whom, each member's frames in order.

        Frames are encoded once for all who get the same; only those who sent something get frames
        of their own, with acks in place of their messages.
        """
        senders = {entry.message.sender for entry in self.messages()} | {
            entry.sender for entry in self.entries if isinstance(entry, SignalSent)
        }
        shared = list(protocol.pack(self._objects(None)))
        plain = [
            (entry.message.sender, protocol.encode(protocol.plain_message_frame(entry)))
            for entry in _once(self.messages())
        ]
        for member in members:
            if member.protocol is Protocol.PLAIN:
                frames: Iterable[bytes] = (frame for sender, frame in plain if sender != member.id)
            elif member.id in senders:
                frames = protocol.pack(self._objects(member.id))
            else:
                frames = shared
            for frame in frames:
                yield member.id, frame

    def acks(self, members: Iterable[Member]) -> Iterator[tuple[ConnectionId, bytes]]:
        """Yield the acks for who said something and is no member any more."""
        present = {member.id for member in members}
        for sender in {entry.message.sender for entry in self.messages()} - present:
            acks = (
                protocol.encode(protocol.ack_frame(entry))
                for entry in self.messages()
                if entry.message.sender == sender
            )
            for frame in protocol.pack(acks):
                yield sender, frame

    def messages(self) -> tuple[Numbered, ...]:
        """Return the messages among the entries."""
        return tuple(entry for entry in self.entries if isinstance(entry, Numbered))

    def _objects(self, receiver: ConnectionId | None) -> Iterator[bytes]:
        """Yield the encoded objects for one receiver, or for everyone who has sent nothing."""
        shown: set[int] = set()
        for entry in self.entries:
            if isinstance(entry, SignalSent):
                if entry.sender != receiver:
                    yield protocol.encode(
                        SignalFrame(
                            room=self.room,
                            data=entry.data,
                            sender=protocol.user_frame(entry.user),
                        )
                    )
            elif entry.message.sender == receiver:
                yield protocol.encode(protocol.ack_frame(entry))
            elif entry.seq not in shown:
                shown.add(entry.seq)
                yield protocol.encode(protocol.message_frame(entry))
        if self.presence:
            yield protocol.encode(
                PresenceFrame(
                    room=self.room,
                    members=self.presence.members,
                    joined=[protocol.user_frame(user) for user in self.presence.joined],
                    left=[protocol.user_frame(user) for user in self.presence.left],
                )
            )


def _once(numbered: Iterable[Numbered]) -> Iterator[Numbered]:
    """Leave out what a batch holds again, having been sent again."""
    shown: set[int] = set()
    for entry in numbered:
        if entry.seq not in shown:
            shown.add(entry.seq)
            yield entry


ENVELOPE: Final = 1024
"""Bytes that a `joined` or `history` frame takes besides its messages, names at their longest."""


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive messages, oldest first, that fit into one answer.

    Attributes:
        more: whether the page was cut.
    """

    messages: tuple[Numbered, ...]
    more: bool


def page(messages: Sequence[Numbered], *, newest_first: bool, more: bool) -> Page:
    """Cut messages, given in the order they were read, to what fits into a frame; one always does.

    `more` tells whether there are others behind them.
    """
    taken: list[Numbered] = []
    size = 0
    for message in messages:
        size += len(protocol.encode(protocol.message_frame(message))) + len(",")
        if taken and size > FRAME_LIMIT - ENVELOPE:
            more = True
            break
        taken.append(message)
    return Page(tuple(reversed(taken) if newest_first else taken), more)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a client that comes back is given; `reason` is None when it is all it missed."""

    messages: tuple[Numbered, ...]
    reason: Literal["more", "expired", "epoch"] | None


def recover(head: Head, since: int, epoch: str, missed: Page) -> Recovery:
    """Decide what a client that has everything up to `since` is given.

    `missed` are the messages after `since`, as far as they are kept.
    """
    if epoch != head.epoch or since > head.seq:
        return Recovery((), "epoch")
    reached = since
    for message in missed.messages:
        if message.seq != reached + 1:
            break
        reached = message.seq
    if reached == head.seq:
        return Recovery(missed.messages, None)
    if missed.messages and reached == missed.messages[-1].seq:
        return Recovery(missed.messages, "more")
    return Recovery(missed.messages, "expired")
