"""Frames that the server sends, and their encoding."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from chalicelib.core.errors import RETRY
from chalicelib.core.model import MessageType, User
from chalicelib.core.protocol.bounds import FRAME_LIMIT, ROOM_NAME_LIMIT
from chalicelib.core.protocol.requests import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.core.errors import FrameError
    from chalicelib.core.model import Member, SequencedMessage


class UserFrame(msgspec.Struct, frozen=True, rename="camel"):
    """User as others see it."""

    user_id: str
    username: str


class SelfFrame(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Receiver itself, and whether it may moderate the room."""

    user_id: str
    username: str
    moderate: bool = False


class MessageData(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One message; `timestamp` is ISO 8601 in UTC, and the sender's connection is for plain.

    `deletes` is the number of the message whose text is taken away.
    """

    type: MessageType
    message: str
    username: str
    user_id: str
    timestamp: str
    sender_connection_id: str | None = None
    deletes: int | None = None


class PlainMessageFrame(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """A message, for a connection that speaks the plain form."""

    data: MessageData


class MessageFrame(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """A message and its place in its room."""

    room: str
    seq: int
    epoch: str
    id: str
    data: MessageData


class AckFrame(msgspec.Struct, frozen=True, tag_field="type", tag="ack"):
    """The receiver's own message has its number."""

    room: str
    id: str
    seq: int
    epoch: str


class JoinedFrame(msgspec.Struct, frozen=True, tag_field="type", tag="joined", omit_defaults=True):
    """The receiver is a member: up to `seq` is history, above it comes live."""

    room: str
    seq: int
    epoch: str
    members: int
    you: SelfFrame
    recovered: bool
    messages: list[MessageFrame]
    reason: Literal["more", "expired", "epoch"] | None = None


class LeftFrame(msgspec.Struct, frozen=True, tag_field="type", tag="left", omit_defaults=True):
    """The receiver is no member any more; the reason is there where it did not ask for that."""

    room: str
    reason: Literal["kicked", "banned", "rights"] | None = None


class ModeratedFrame(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    tag="moderated",
    rename="camel",
    omit_defaults=True,
):
    """Confirmation that a moderator's request is done or queued."""

    action: str
    room: str
    user_id: str | None = None
    seq: int | None = None


class NoticeFrame(msgspec.Struct, frozen=True, tag_field="type", tag="notice"):
    """Something told to the receiver's user alone, outside of every room."""

    id: str
    message: str
    timestamp: str
    sender: UserFrame = msgspec.field(name="from")


class HistoryFrame(
    msgspec.Struct, frozen=True, tag_field="type", tag="history", omit_defaults=True
):
    """A page of old messages, oldest first; `after` and `before` are those of the question."""

    room: str
    epoch: str
    messages: list[MessageFrame]
    more: bool
    after: int | None = None
    before: int | None = None


class PresenceFrame(msgspec.Struct, frozen=True, tag_field="type", tag="presence"):
    """Users who joined and left, and the number of members."""

    room: str
    members: int
    joined: list[UserFrame]
    left: list[UserFrame]


class SignalFrame(msgspec.Struct, frozen=True, tag_field="type", tag="signal"):
    """Another member's signal."""

    room: str
    data: msgspec.Raw
    sender: UserFrame = msgspec.field(name="from")


class WhoFrame(msgspec.Struct, frozen=True, tag_field="type", tag="who", omit_defaults=True):
    """A page of a room's members."""

    room: str
    members: list[UserFrame]
    next: str | None = None


class Position(msgspec.Struct, frozen=True):
    """Newest number of a room."""

    seq: int
    epoch: str


class PongFrame(msgspec.Struct, frozen=True, tag_field="type", tag="pong", omit_defaults=True):
    """The answer to `ping`; `rooms` holds those of the rooms asked for that were joined."""

    rooms: dict[str, Position] = {}


class ExpiringFrame(msgspec.Struct, frozen=True, tag_field="type", tag="expiring"):
    """The receiver's token ends soon, or has ended just now: renew it."""

    at: str


class RenewedFrame(msgspec.Struct, frozen=True, tag_field="type", tag="renewed"):
    """The receiver goes on under its new token."""

    until: str


class ErrorFrame(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    tag="error",
    omit_defaults=True,
    rename="camel",
):
    """A frame of the receiver was refused; `retry_after` is in seconds."""

    code: str
    message: str
    retry: str
    action: str | None = None
    room: str | None = None
    id: str | None = None
    retry_after: float | None = None


Frame = (
    AckFrame
    | ErrorFrame
    | ExpiringFrame
    | HistoryFrame
    | JoinedFrame
    | LeftFrame
    | MessageFrame
    | ModeratedFrame
    | NoticeFrame
    | PlainMessageFrame
    | PongFrame
    | PresenceFrame
    | RenewedFrame
    | SignalFrame
    | WhoFrame
)
"""Any frame that the server sends, told apart by `type`."""


_encoder = msgspec.json.Encoder()


def encode(frame: Frame) -> bytes:
    """Write one object."""
    return _encoder.encode(frame)


def pack(objects: Iterable[bytes]) -> Iterator[bytes]:
    """Gather encoded objects, in order, into few frames of at most `FRAME_LIMIT` bytes.

    A single object stands for itself, several stand in an array; one that is longer than the limit
    has a frame of its own.
    """
    gathered: list[bytes] = []
    size = 0
    for one in objects:
        if gathered and size + len(one) + len("[],") > FRAME_LIMIT:
            yield _array(gathered)
            gathered, size = [], 0
        gathered.append(one)
        size += len(one) + len(",")
    if gathered:
        yield _array(gathered)


def _array(objects: list[bytes]) -> bytes:
    return objects[0] if len(objects) == 1 else b"[" + b",".join(objects) + b"]"


def message_frame(numbered: SequencedMessage) -> MessageFrame:
    """Show a message to a client of version 1, which is not told anybody's connection."""
    message = numbered.message
    return MessageFrame(
        room=message.room,
        seq=numbered.seq,
        epoch=numbered.epoch,
        id=message.id,
        data=MessageData(
            type=message.type,
            message=message.text,
            username=message.user.username,
            user_id=message.user.user_id,
            timestamp=timestamp(message.sent_at),
            deletes=message.deletes,
        ),
    )


def plain_message_frame(numbered: SequencedMessage) -> PlainMessageFrame:
    """Show a message to a client of the plain form."""
    message = numbered.message
    return PlainMessageFrame(
        MessageData(
            type=message.type,
            message=message.text,
            username=message.user.username,
            user_id=message.user.user_id,
            timestamp=timestamp(message.sent_at),
            sender_connection_id=message.sender,
        )
    )


def ack_frame(numbered: SequencedMessage) -> AckFrame:
    """Tell the sender its message's number."""
    message = numbered.message
    return AckFrame(room=message.room, id=message.id, seq=numbered.seq, epoch=numbered.epoch)


def error_frame(error: FrameError, body: str) -> ErrorFrame:
    """Refuse a frame, naming it as far as it can be read."""
    tag = describe(body)

    def text(value: str | None) -> str | None:
        return None if value is None else value[:ROOM_NAME_LIMIT]

    return ErrorFrame(
        code=error.code,
        message=error.message,
        retry=RETRY[error.code],
        action=text(tag.action),
        room=text(tag.room),
        id=text(tag.id),
        retry_after=error.retry_after,
    )


def self_frame(user: User, *, moderate: bool) -> SelfFrame:
    """Show somebody who they are themselves."""
    return SelfFrame(user_id=user.user_id, username=user.username, moderate=moderate)


def user_frame(user: User | Member) -> UserFrame:
    """Show who somebody is."""
    who = user if isinstance(user, User) else user.user
    return UserFrame(user_id=who.user_id, username=who.username)


def timestamp(milliseconds: int) -> str:
    """Format milliseconds since 1970 as ISO 8601 in UTC, such as `2026-11-24T09:30:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
