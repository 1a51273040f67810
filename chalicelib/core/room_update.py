"""Room update: messages, signals and presence told at once, and each member's frames of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from chalicelib.core import protocol
from chalicelib.core.model import ConnectionId, Protocol, SequencedMessage, SlotRange, User
from chalicelib.core.protocol import PresenceFrame, SignalFrame
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.core.model import ApiStage, Member, RoomId


LIVE: Final = 3000
"""Milliseconds after which signals, and the names of who came and went, are told no more.

Whoever is typing has stopped by then. A backlog of them is taken off the queue as fast as it can be
read.
"""


def is_timely(sent_at: float, now: float) -> bool:
    """Whether something that is not kept is still worth telling; times in milliseconds."""
    return now - sent_at <= LIVE


class SignalSent(Record, frozen=True):
    """A signal on its way to the members.

    Attributes:
        data: what it tells, as JSON.
        user: whose it is.
        sender: the connection that it came over, which gets no copy.
        sent_at: milliseconds since 1970, when it was accepted.
    """

    data: str
    user: User
    sender: ConnectionId
    sent_at: int


class Presence(Record, frozen=True):
    """Users who joined and left, and the number of members now."""

    joined: tuple[User, ...]
    left: tuple[User, ...]
    members: int

    def pieces(self) -> list[Presence]:
        """Take it apart, one for each person, or the number of members alone."""
        joined = [Presence((one,), (), self.members) for one in self.joined]
        left = [Presence((), (one,), self.members) for one in self.left]
        return [*joined, *left] or [self]


class RoomUpdate(Record, frozen=True):
    """Messages and signals in their order, and comings and goings if any are to be told.

    A message may be among them twice, having come over two connections; each gets its ack.
    """

    messages: tuple[SequencedMessage, ...] = ()
    signals: tuple[SignalSent, ...] = ()
    presence: Presence | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.messages or self.signals or self.presence)

    def pieces(self) -> list[RoomUpdate]:
        """Take the update apart, in order; `gather` makes the same one of the pieces.

        Presence is one piece, so that it is told once, unless there is nothing else to cut.
        """
        messages = [RoomUpdate((one,)) for one in self.messages]
        signals = [RoomUpdate(signals=(one,)) for one in self.signals]
        if self.presence is None:
            return [*messages, *signals]
        if messages or signals:
            return [*messages, *signals, RoomUpdate(presence=self.presence)]
        return [RoomUpdate(presence=one) for one in self.presence.pieces()]

    def timely(self, now: float) -> RoomUpdate:
        """Leave out the signals that are too old to be worth a post; `now` in milliseconds."""
        signals = tuple(one for one in self.signals if is_timely(one.sent_at, now))
        return replace(self, signals=signals)

    def posts(
        self, room: RoomId, members: Iterable[Member]
    ) -> Iterator[tuple[ConnectionId, bytes]]:
        """Yield what to post to whom, each member's frames in order.

        Frames are encoded once for all who get the same; only those who sent something get frames
        of their own, with acks in place of their messages.
        """
        senders = self._senders() | {one.sender for one in self.signals}
        shared = list(protocol.pack(self._objects(room, None)))
        plain = [
            (one.message.sender, protocol.encode(protocol.plain_message_frame(one)))
            for one in _once(self.messages)
            # The plain form knows no numbers, and so nothing of the message that goes.
            if one.message.type == "chat"
        ]
        for member in members:
            if member.protocol is Protocol.PLAIN:
                frames: Iterable[bytes] = (frame for sender, frame in plain if sender != member.id)
            elif member.id in senders:
                frames = protocol.pack(self._objects(room, member.id))
            else:
                frames = shared
            for frame in frames:
                yield member.id, frame

    def acks(
        self, members: Iterable[Member], slots: SlotRange
    ) -> Iterator[tuple[ApiStage, tuple[ConnectionId, bytes]]]:
        """Yield the acks for who said something, would lie in the slot range, and is no member now.

        Each comes with where to post it.
        """
        origins = {
            one.message.sender: one.message.api_stage
            for one in self.messages
            if one.message.sender and one.message.api_stage
        }
        for sender in origins.keys() - {member.id for member in members}:
            if slots.holds(sender):
                acks = (
                    protocol.encode(protocol.ack_frame(one))
                    for one in self.messages
                    if one.message.sender == sender
                )
                for frame in protocol.pack(acks):
                    yield origins[sender], (sender, frame)

    def _senders(self) -> set[ConnectionId]:
        return {one.message.sender for one in self.messages if one.message.sender}

    def _objects(self, room: RoomId, receiver: ConnectionId | None) -> Iterator[bytes]:
        """Yield the encoded objects for one receiver, or for everyone who has sent nothing."""
        shown: set[int] = set()
        for one in self.messages:
            if receiver and one.message.sender == receiver:
                yield protocol.encode(protocol.ack_frame(one))
            elif one.seq not in shown:
                shown.add(one.seq)
                yield protocol.encode(protocol.message_frame(one))
        for signal in self.signals:
            if signal.sender != receiver:
                yield protocol.encode(
                    SignalFrame(
                        room=room,
                        data=msgspec.Raw(signal.data.encode()),
                        sender=protocol.user_frame(signal.user),
                    )
                )
        if self.presence:
            yield protocol.encode(
                PresenceFrame(
                    room=room,
                    members=self.presence.members,
                    joined=[protocol.user_frame(user) for user in self.presence.joined],
                    left=[protocol.user_frame(user) for user in self.presence.left],
                )
            )


def gather(updates: Iterable[RoomUpdate]) -> RoomUpdate:
    """Make one update of several, in their order; the newest number of members counts."""
    messages: list[SequencedMessage] = []
    signals: list[SignalSent] = []
    presence: Presence | None = None
    for one in updates:
        messages += one.messages
        signals += one.signals
        if one.presence and presence:
            joined = (*presence.joined, *one.presence.joined)
            left = (*presence.left, *one.presence.left)
            presence = Presence(joined, left, one.presence.members)
        presence = presence if one.presence is None else presence or one.presence
    return RoomUpdate(tuple(messages), tuple(signals), presence)


def _once(messages: Iterable[SequencedMessage]) -> Iterator[SequencedMessage]:
    shown: set[int] = set()
    for one in messages:
        if one.seq not in shown:
            shown.add(one.seq)
            yield one
