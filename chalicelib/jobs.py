"""The jobs that wait in the queue, as their records hold them."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from chalicelib.bulletin import Bulletin
from chalicelib.model import (
    Census,
    ConnectionId,
    Member,
    Message,
    Numbered,
    Origin,
    RoomId,
    Span,
    User,
)

RECEIVE_BATCH: Final = 10
"""Records of one delivery to a function: a FIFO queue's mapping allows no more.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

MAXIMUM_CONCURRENCY: Final = 200
"""Broadcasts at a time; .chalice/config.json reserves as many on prod.

More than are reserved would be throttled. A throttled batch counts as delivered, and what has been
delivered too often is a dead letter (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
A few broadcasts keep the account's quota of posts busy; the others are for rooms that linger.
"""


class _Job(msgspec.Struct, frozen=True):
    """Something to tell a room.

    Attributes:
        origin: where to post: an SQS event doesn't tell it.
        room: the room to tell.
        id: what makes two jobs of a room the same one to the queue, for 5 minutes.
    """

    origin: Origin
    room: RoomId
    id: str

    @property
    def group(self) -> str:
        """Jobs of one group are carried out in order, one batch at a time."""
        return self.room


class MessageJob(_Job, frozen=True, tag="message"):
    """Number a message, and tell it."""

    message: Message


class SignalJob(_Job, frozen=True, tag="signal"):
    """Tell a signal; `data` is JSON."""

    data: str
    user: User
    sender: ConnectionId


class PresenceJob(_Job, frozen=True, tag="presence"):
    """Tell who came and who went."""

    joined: tuple[User, ...] = ()
    left: tuple[User, ...] = ()


class FanoutJob(_Job, frozen=True, tag="fanout"):
    """Tell a bulletin to the members of a span, as they are by a census that counts them."""

    bulletin: Bulletin
    span: Span
    census: Census

    @property
    def group(self) -> str:
        """A group for each span, so that spans go on side by side, each in its order."""
        return f"{self.room}\n{self.span}"


class RetryJob(_Job, frozen=True, tag="retry"):
    """Tell some members again what they could not be told before."""

    messages: tuple[Numbered, ...]
    members: tuple[Member, ...]
    attempt: int

    @property
    def group(self) -> str:
        """A group of its own, so that the room does not wait: the numbers give the order."""
        return f"{self.room}\nretry"


Job = MessageJob | SignalJob | PresenceJob | FanoutJob | RetryJob


def encode(job: Job) -> str:
    """Write a job as the body of an SQS message.

    In ASCII: SQS refuses characters that XML 1.0 has no place for, such as U+FFFE, which people
    may well send (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
    """
    return json.dumps(msgspec.to_builtins(job), separators=(",", ":"))


def decode(body: str) -> Job:
    """Read a job back from the body of an SQS message.

    Raises:
        msgspec.DecodeError: it is no job.
    """
    try:
        job: Job = _decoder.decode(body)
    except (RecursionError, UnicodeError) as error:
        raise msgspec.DecodeError(str(error)) from None
    return job


_decoder = msgspec.json.Decoder(Job)
