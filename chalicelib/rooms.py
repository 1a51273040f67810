"""Pure decisions about rooms: what each member is to receive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib import protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chalicelib.model import ConnectionId, Member, Message, RoomId


def by_room(messages: Iterable[Message]) -> dict[RoomId, list[Message]]:
    """Sort a batch into rooms, keeping the order within each."""
    rooms: dict[RoomId, list[Message]] = {}
    for message in messages:
        rooms.setdefault(message.room, []).append(message)
    return rooms


def posts(
    messages: Sequence[Message], members: Iterable[Member]
) -> Iterator[tuple[ConnectionId, bytes]]:
    """Yield what to post to whom: each message to every member but its sender, in order.

    A frame is encoded once, however many members there are.
    """
    frames = [(message.sender, protocol.message_frame(message)) for message in messages]
    for member in members:
        for sender, frame in frames:
            if sender != member.id:
                yield member.id, frame
