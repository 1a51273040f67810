"""History of a room: pages, recovery of missed messages, and erased messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from chalicelib.core import protocol
from chalicelib.core.protocol import FRAME_LIMIT
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chalicelib.core.model import Message, RoomHead, SequencedMessage


ERASED: Final = "Deleted user"
"""The name that stands with the messages of somebody whose data has been erased."""


def erased(message: Message) -> Message:
    """Return a message without its text, its author's name and the connection it came over.

    It is `deleted`, as one that a moderator has taken away; a `delete` stays one.
    """
    return replace(
        message,
        type="deleted" if message.type == "chat" else message.type,
        text="",
        user=replace(message.user, username=ERASED),
        sender=None,
        api_stage=None,
    )


ENVELOPE: Final = 1024
"""Bytes that a `joined` or `history` frame takes besides its messages, names at their longest."""


class Page(Record, frozen=True):
    """Consecutive messages, oldest first, that fit into one answer.

    Attributes:
        more: whether the page was cut.
    """

    messages: tuple[SequencedMessage, ...]
    more: bool


def page(messages: Iterable[SequencedMessage], *, newest_first: bool, last: int) -> Page:
    """Take messages, in the order they are read, as long as they fit into a frame; one always does.

    No more are asked for than that. Numbers have no gaps, so the number of the `last` message there
    may be in that order tells whether there are more; some of those may have expired.
    """
    taken: list[SequencedMessage] = []
    size = 0
    for message in messages:
        size += len(protocol.encode(protocol.message_frame(message))) + len(",")
        if taken and size > FRAME_LIMIT - ENVELOPE:
            break
        taken.append(message)
    more = bool(taken) and taken[-1].seq != last
    return Page(tuple(reversed(taken) if newest_first else taken), more)


class Recovery(Record, frozen=True):
    """Messages that a returning client gets; `reason` is None if they are all it missed."""

    messages: tuple[SequencedMessage, ...]
    reason: Literal["more", "expired", "epoch"] | None


def recover(head: RoomHead, since: int, epoch: str, missed: Page) -> Recovery:
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
