"""Numbering: each message of a room gets one number, whatever is retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from chalicelib.core.model import SequencedMessage
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from chalicelib.core.model import Message, MessageKey, RoomHead


class Numbering(Record, frozen=True):
    """A batch of messages with their numbers.

    Attributes:
        numbered: every message of the batch, in order.
        fresh: those that have their number from this batch, each once.
        head: where the room stands when `fresh` is stored.
    """

    numbered: tuple[SequencedMessage, ...]
    fresh: tuple[SequencedMessage, ...]
    head: RoomHead


def assign_numbers(
    head: RoomHead, known: Mapping[MessageKey, int], messages: Iterable[Message]
) -> Numbering:
    """Give each message the number it has, or the next one.

    Given the same head, the same messages in the same order get the same numbers, so a batch that
    comes again after a worker has died is numbered as the dead worker did.

    Args:
        head: where the room stands.
        known: the numbers of those messages that have one, by key.
        messages: the messages of one batch.
    """
    seqs = dict(known)
    numbered: list[SequencedMessage] = []
    fresh: list[SequencedMessage] = []
    for message in messages:
        if message.key not in seqs:
            head = replace(head, seq=head.seq + 1)
            seqs[message.key] = head.seq
            fresh.append(SequencedMessage(head.seq, head.epoch, message))
        numbered.append(SequencedMessage(seqs[message.key], head.epoch, message))
    return Numbering(tuple(numbered), tuple(fresh), head)
