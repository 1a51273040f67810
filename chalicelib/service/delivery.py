"""Delivery: posts a room update to its members, and handles failed posts."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Final

from chalicelib.core.errors import UnavailableError
from chalicelib.core.jobs import EndJob, RetryJob, cut
from chalicelib.core.limits import HANDSHAKE_SECONDS
from chalicelib.core.model import Protocol
from chalicelib.core.ports.meter import Metric
from chalicelib.core.ports.poster import Reason, Report
from chalicelib.core.record import Record
from chalicelib.core.shards import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from chalicelib.core.model import ApiStage, Member, RoomId, SlotRange
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import Post, Poster
    from chalicelib.core.ports.store import Store
    from chalicelib.core.room_update import RoomUpdate
    from chalicelib.service.presence import PresenceNotifier
    from chalicelib.service.runtime import Runtime

ATTEMPTS: Final = 3
"""Retries of missed posts; after them the client's gap detection remains."""

FORGOTTEN_AT_ONCE: Final = 25
"""Members that are forgotten before the next batch of a room: a call for each, and a few more.

More of them are forgotten by jobs of their own, while the room goes on.
"""

ENDED_AT_ONCE: Final = 100
"""Members that one job ends, with one change of their room's version."""


class Delivery(Record, frozen=True):
    """Posts to members, forgets those that are gone, and queues retries of missed posts."""

    store: Store
    job_queue: JobQueue
    poster: Callable[[ApiStage], Poster]
    notifier: PresenceNotifier
    runtime: Runtime

    def to_slots(
        self,
        room: RoomId,
        update: RoomUpdate,
        members: Sequence[Member],
        slots: SlotRange,
        level: int,
        deadline: float,
    ) -> None:
        """Post an update to the members in a slot range, and acks to senders who have left.

        Args:
            room: the room.
            update: the messages, signals and presence to tell.
            members: the members in the slot range.
            slots: the slot range.
            level: up to which level the room's members are spread.
            deadline: when to give up, in seconds of `time.monotonic`.
        """
        acks = list(update.acks(members, slots))
        early, missed = self._post(room, update, members, acks, level, deadline)
        jobs = [self._retry(room, update, [member], 1) for member in early]
        if missed:
            jobs.append(self._retry(room, update, missed, 1))
        self._queue(update, jobs, len(missed) + len(early))

    def again(
        self,
        room: RoomId,
        update: RoomUpdate,
        members: Sequence[Member],
        attempt: int,
        deadline: float,
    ) -> None:
        """Post missed messages again; `attempt` counts the tries.

        Raises:
            UnavailableError: a single member has not been let in yet; its job must come again.
        """
        early, missed = self._post(room, update, members, (), 0, deadline)
        if early and len(members) == 1:
            raise UnavailableError(f"The handshake of {early[0].id} is not over.")
        if missed and attempt >= ATTEMPTS:
            self.runtime.meter.count(Metric.GIVEN_UP, len(missed))
            missed = []
        jobs = [self._retry(room, update, [one], attempt) for one in early]
        if missed:
            jobs.append(self._retry(room, update, missed, attempt + 1))
        self._queue(update, jobs, len(missed) + len(early))

    def _post(
        self,
        room: RoomId,
        update: RoomUpdate,
        members: Sequence[Member],
        acks: Sequence[tuple[ApiStage, Post]],
        level: int,
        deadline: float,
    ) -> tuple[list[Member], list[Member]]:
        """Post to members, each through its own API, and forget who is gone.

        Returns:
            The members who have not been let in yet, and those who missed something.
        """
        report = Report()
        for api_stage in {member.api_stage for member in members} | {
            api_stage for api_stage, _ in acks
        }:
            there = [member for member in members if member.api_stage == api_stage]
            posts = chain(update.posts(room, there), (post for of, post in acks if of == api_stage))
            report.merge(self.poster(api_stage).post(posts, deadline))
        self._measure(report, update, len(members))
        gone, early = self._gone(members, report)
        self._forget(gone, room, level)
        return early, [member for member in members if member.id in report.failed]

    def _measure(self, report: Report, update: RoomUpdate, members: int) -> None:
        count = self.runtime.meter.count
        reasons = Counter(report.failed.values())
        count(Metric.POSTS, report.posts)
        count(Metric.DELIVERED, len(report.delivered))
        count(Metric.GONE, len(report.gone))
        count(Metric.FAILED, len(report.failed))
        count(Metric.THROTTLED, reasons[Reason.THROTTLED])
        count(Metric.SLOW_CONSUMERS, reasons[Reason.SLOW_CONSUMER])
        count(Metric.POST_RETRIES, report.retries)
        count(Metric.POSSIBLE_DUPLICATES, report.possible_duplicates)
        count(Metric.FANOUT_TIME, report.seconds * 1000)
        if members and update.messages:
            count(Metric.POSTS_PER_MESSAGE, report.posts / (members * len(update.messages)))
        now = self.runtime.clock() * 1000
        for numbered in update.messages:
            count(Metric.DELAY, max(now - numbered.message.sent_at, 0))

    def _gone(self, members: Iterable[Member], report: Report) -> tuple[list[Member], list[Member]]:
        """Part the members that answered 410 into those who are gone and those not let in yet.

        A connection of the plain form is a member before its `$connect` has returned, and until
        then the gateway answers 410 (https://repost.aws/knowledge-center/410-gone-api-gateway). One
        of version 1 has sent a frame before it joined.
        """
        newest = (self.runtime.clock() - HANDSHAKE_SECONDS) * 1000
        gone: list[Member] = []
        early: list[Member] = []
        for member in members:
            if member.id in report.gone:
                young = member.protocol is Protocol.PLAIN and member.connected_at > newest
                (early if young else gone).append(member)
        return gone, early

    def _forget(self, gone: Sequence[Member], room: RoomId, level: int) -> None:
        """Forget who is gone; who can't be forgotten now will answer 410 again."""
        if not gone:
            return
        try:
            if len(gone) > FORGOTTEN_AT_ONCE:
                self.job_queue.publish_all(list(end_jobs(room, gone, level, closes=False)))
            else:
                self.notifier.left(self.store.forget_all(gone, room, level))
        except UnavailableError as error:
            self.runtime.meter.swallow("forget who is gone", error)

    def _retry(
        self, room: RoomId, update: RoomUpdate, members: Sequence[Member], attempt: int
    ) -> RetryJob:
        return RetryJob(room, self.runtime.new_id(), update.messages, tuple(members), attempt)

    def _queue(self, update: RoomUpdate, jobs: Sequence[RetryJob], members: int) -> None:
        """Queue what members have missed for a further attempt, for them alone.

        Should that fail, the clients' own rules are left: they see the gap, or learn from a `pong`
        how far the room has come.
        """
        if not update.messages or not jobs:
            return
        try:
            self.job_queue.publish_all([part for job in jobs for part in cut(job)])
        except UnavailableError as error:
            self.runtime.meter.swallow("queue missed posts again", error)
        else:
            self.runtime.meter.count(Metric.RETRIES_QUEUED, members)


def end_jobs(
    room: RoomId,
    members: Sequence[Member],
    level: int,
    *,
    closes: bool,
    slots: SlotRange = WHOLE.slots,
) -> Iterator[EndJob]:
    """Yield jobs that end members who lie in a slot range, each at most `ENDED_AT_ONCE`.

    Each message finds those who are still there, and asks for their end again. Members are parted
    by halves of their slots, so that most of the others are parted as before once some have been
    forgotten: for the same members it is the same job, which the queue drops.
    """
    if len(members) > ENDED_AT_ONCE and len(slots) > 1:
        for half in slots.cut(2):
            there = [member for member in members if half.holds(member.id)]
            yield from end_jobs(room, there, level, closes=closes, slots=half)
    elif members:
        ids = "\n".join(sorted(member.id for member in members))
        digest = hashlib.sha256(f"{closes}\n{ids}".encode()).hexdigest()
        yield EndJob(room, digest, tuple(members), level, closes)
