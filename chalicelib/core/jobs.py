"""Jobs of the broadcast, and their encoding as records of the queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from chalicelib.core.model import (
    Member,
    MembershipVersion,
    Message,
    RoomId,
    SequencedMessage,
    SlotRange,
    User,
)
from chalicelib.core.record import Record
from chalicelib.core.room_update import RoomUpdate, SignalSent, gather

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_T = TypeVar("_T")

JOB_LIMIT: Final = 1023 * 1024
"""Bytes of UTF-8 in a job's body: SQS's 1 MiB for a message, less 1 KiB for its attributes.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

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


class QueueDepth(Record, frozen=True):
    """Number of records in the queue and of dead letters, those in flight included."""

    queued: int = 0
    dead_letters: int = 0


class _Job(msgspec.Struct, frozen=True):
    """Job about a room.

    Attributes:
        room: the room to tell.
        id: what makes two jobs of a room the same one to the queue, for 5 minutes.
    """

    room: RoomId
    id: str

    @property
    def group(self) -> str:
        """Jobs of one group are carried out in order, one batch at a time."""
        return self.room


class MessageJob(_Job, frozen=True, tag="message"):
    """Number a message, and post it."""

    message: Message


class _LiveJob(_Job, frozen=True):
    """Something that is not kept, and worth nothing when it is late."""

    @property
    def group(self) -> str:
        """A group of its own, so that messages don't wait for what anybody may send in floods."""
        return f"{self.room}\nlive"


class SignalJob(_LiveJob, frozen=True, tag="signal"):
    """Post a signal."""

    signal: SignalSent


class PresenceJob(_LiveJob, frozen=True, tag="presence"):
    """Post joins and leaves."""

    joined: tuple[User, ...] = ()
    left: tuple[User, ...] = ()


class FanoutJob(_Job, frozen=True, tag="fanout"):
    """Post an update to the members of a slot range, as of a membership version."""

    update: RoomUpdate = msgspec.field(name="bulletin")
    slots: SlotRange = msgspec.field(name="span")
    membership_version: MembershipVersion = msgspec.field(name="census")

    @property
    def group(self) -> str:
        """A group for each slot range: they are told side by side, each in its order."""
        return f"{self.room}\n{self.slots}"

    def halves(self) -> Iterator[FanoutJob]:
        """Yield two jobs that tell the update, one after the other."""
        for name, pieces in _halves(self.update.pieces()):
            yield msgspec.structs.replace(self, id=f"{self.id}:{name}", update=gather(pieces))


class RetryJob(_Job, frozen=True, tag="retry"):
    """Post messages again to members that missed them."""

    messages: tuple[SequencedMessage, ...]
    members: tuple[Member, ...]
    attempt: int

    @property
    def group(self) -> str:
        """A group of its own, so that the room does not wait: the numbers give the order.

        One member alone waits for no other's retries.
        """
        return f"{self.room}\n{self.members[0].id if len(self.members) == 1 else 'retry'}"

    def halves(self) -> Iterator[RetryJob]:
        """Yield two jobs with half of the messages or half of the members: whichever are longer."""
        sizes = [len(msgspec.json.encode(part)) for part in (self.messages, self.members)]
        field = "messages" if sizes[0] > sizes[1] else "members"
        for name, half in _halves(getattr(self, field)):
            changes: dict[str, Any] = {"id": f"{self.id}:{name}", field: tuple(half)}
            yield msgspec.structs.replace(self, **changes)


class EndJob(_Job, frozen=True, tag="end"):
    """Forget the connections of some members of a room.

    Attributes:
        members: the members.
        level: up to which level the room's members were spread when they were read.
        closes: whether their connections may still be open, and are to be closed first.
    """

    members: tuple[Member, ...]
    level: int
    closes: bool

    @property
    def group(self) -> str:
        """A group of its own, so that the room does not wait."""
        return f"{self.room}\nend"


Job = MessageJob | SignalJob | PresenceJob | FanoutJob | RetryJob | EndJob


def cut(job: Job) -> Iterator[Job]:
    """Cut a job into parts of at most `JOB_LIMIT` bytes each, in order.

    Only jobs that gather are cut; a single message, signal or newcomer always fits. A part's id
    names the job's id and its place in the job, not its number among the parts: the same job may
    be cut elsewhere when its batch comes again, and the queue must drop no part that tells more
    than the one that it has.
    """
    if isinstance(job, FanoutJob | RetryJob) and len(encode(job).encode()) > JOB_LIMIT:
        for half in job.halves():
            yield from cut(half)
    else:
        yield job


def _halves(items: Sequence[_T]) -> Iterator[tuple[str, Sequence[_T]]]:
    """Yield each half of some items, under the name of its place."""
    middle = len(items) // 2
    for start, end in ((0, middle), (middle, len(items))):
        yield f"{start}-{end}", items[start:end]


def encode(job: Job) -> str:
    """Write a job as the body of an SQS message.

    SQS refuses characters that XML 1.0 has no place for. JSON escapes the controls among them; the
    two others, which people may well send, are escaped here
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).

    Raises:
        UnicodeEncodeError: a text holds half of a surrogate pair. None does that comes from a
            client's JSON, a cleaned name or the table.
    """
    text = msgspec.json.encode(job).decode()
    return text.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


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
