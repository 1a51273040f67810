"""Fan-out: the split of a room's posts among workers, and their batching over time."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.model import SlotRange


class Fanout(Record, frozen=True):
    """The shape of the tree of workers, and how long a busy room waits for more.

    Attributes:
        leaf: members that one worker posts to by itself. 1,000 posts take a worker a tenth of a
            second, the time that another level of the tree would take as well.
        branching: jobs that a worker shares a larger room among: what one SendMessageBatch holds
            (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html).
        linger_per_member: seconds that a worker keeps a room to itself after it has posted, for
            each member that it posted to. Half a millisecond of a function costs 1/70 of the post
            that it saves.
        linger_limit: seconds at most, which is what a talker notices.
    """

    leaf: int = 1000
    branching: int = 10
    linger_per_member: float = 0.0005
    linger_limit: float = 0.5

    def split(self, slots: SlotRange, members: int) -> tuple[SlotRange, ...]:
        """Cut a slot range into equal parts of about a leaf each, at most `branching`.

        One part, the slot range itself, where its members are few enough.
        """
        return slots.cut(min(max(1, ceil(members / self.leaf)), self.branching))

    def linger(self, members: int) -> float:
        """Return the seconds to keep a room, so that what comes meanwhile shares a frame.

        The first message of a quiet room has gone out by then; it waits for nobody.
        """
        return min(self.linger_per_member * members, self.linger_limit)
