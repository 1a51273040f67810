"""Broadcast: numbers a batch of accepted messages, and delivers updates to rooms."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.core.errors import BatchError, UnavailableError
from chalicelib.core.events import QueueRecord
from chalicelib.core.jobs import (
    RECEIVE_BATCH,
    EndJob,
    FanoutJob,
    Job,
    MessageJob,
    PresenceJob,
    RetryJob,
    SignalJob,
    cut,
    decode,
)
from chalicelib.core.model import Protocol, SlotRange, Wait
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.ports.meter import Metric
from chalicelib.core.record import Record
from chalicelib.core.room_update import Presence, RoomUpdate, gather, is_timely
from chalicelib.service.backlog import SIGNALS_WAIT
from chalicelib.service.presence import PRESENCE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chalicelib.core.events import QueueEvent
    from chalicelib.core.fanout import Fanout
    from chalicelib.core.model import MembershipVersion, Message, RoomHead, RoomId, SequencedMessage
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.store import Store
    from chalicelib.service.delivery import Delivery
    from chalicelib.service.member_cache import LastCount, MemberCache, MemberCount
    from chalicelib.service.runtime import Runtime
    from chalicelib.service.tokens import TokenExpiry

POSTING_SHARE: Final = 0.8
"""Share of an invocation's time for posting; the rest is for what comes after."""

BATCH_TIME: Final = 200
"""Milliseconds in which a full batch is done: docs/scale.md reckons 157 in a room of 1,000."""

LATE: Final = 250
"""Milliseconds that a batch has waited before its room may have a backlog: a burst makes none."""

MOST_TIMES: Final = 10
"""Bound of the estimated wait, as a multiple of the oldest record's wait."""

LONGEST_DELAY: Final = 60
"""Seconds at most until a batch that could not be numbered comes again."""


class _Group(Struct):
    """The records of one message group in a batch, in order."""

    records: list[QueueRecord] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)

    @property
    def sent_at(self) -> int:
        """Moment at which the oldest was queued, in milliseconds since 1970."""
        return min(record.sent_at for record in self.records)

    def backlog(self, now: float) -> Wait:
        """Return how long the oldest waited, or for how long its like will wait if that is longer.

        Where a full batch came in faster than batches are served, what comes now has as much more
        in front of it. The wait of the oldest alone would tell of a flood seconds too late.
        """
        waited = max(round(now) - self.sent_at, 0)
        if waited > LATE and len(self.records) == RECEIVE_BATCH:
            came_in = max(record.sent_at for record in self.records) - self.sent_at
            waited = round(waited * min(max(BATCH_TIME / max(came_in, 1), 1), MOST_TIMES))
        return Wait(waited, round(now))

    @property
    def delay(self) -> int:
        """Seconds until it comes again, should it fail: more, the more often it has come."""
        seconds: int = 2 ** max(record.receive_count for record in self.records)
        return min(seconds, LONGEST_DELAY)

    @property
    def is_follow_up(self) -> bool:
        """Whether it is about what was told or tried before."""
        return isinstance(self.jobs[0], RetryJob | EndJob)


class BroadcastHandler(Record, frozen=True):
    """Numbers a batch of messages, room by room, and posts it with signals and presence.

    A worker posts to the members of a room itself, or shares them among further jobs. Then it
    keeps a busy room to itself for a moment, so that what comes meanwhile shares frames.

    Dying anywhere is safe. Until the records are deleted they come again, get the numbers they
    have, and are posted again; clients drop what they have already.
    """

    store: Store
    job_queue: JobQueue
    delivery: Delivery
    token_expiry: TokenExpiry
    member_cache: MemberCache
    member_count: MemberCount
    last_count: LastCount
    fanout: Fanout
    runtime: Runtime
    reports_failures: bool = False

    def handle(self, event: QueueEvent, remaining: float) -> list[str]:
        """Run the use case for a batch, within the invocation's `remaining` seconds.

        Returns:
            The ids of the records that have failed and come again, where the mapping heeds them: a
            function that raises would have Lambda run fewer broadcasts, also for other rooms
            (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). All of a
            group's records have failed if one has, so that none overtakes another.

        Raises:
            BatchError: some rooms could not be served now, and the mapping heeds no ids; their
                records come again, and the others are deleted.
        """
        deadline = time.monotonic() + remaining * POSTING_SHARE
        audience = 0
        done: list[QueueRecord] = []
        failed: list[_Group] = []
        groups = self._groups(event.records, done, failed)
        self.runtime.meter.note(rooms=",".join(sorted({group.jobs[0].room for group in groups})))
        for group in groups:
            try:
                audience = self._serve(group, deadline)
            except UnavailableError as error:
                self.runtime.meter.note(reason=str(error))
                failed.append(group)
            else:
                done += group.records
        if failed:
            return self._come_again(done, failed)
        # Where others wait, or more is waiting already, there is nothing to wait for.
        if len(groups) == 1 and len(event.records) < RECEIVE_BATCH:
            self.runtime.sleep(
                min(self.fanout.linger(audience), max(deadline - time.monotonic(), 0))
            )
        return []

    def _groups(
        self, records: Iterable[QueueRecord], done: list[QueueRecord], failed: list[_Group]
    ) -> list[_Group]:
        """Sort a batch into groups, and send what is no job to the dead letters.

        Follow-ups go last: posting again to throttled members may take all of the batch's time.
        """
        groups: dict[str, _Group] = {}
        now = self._now()
        for record in records:
            self.runtime.meter.count(Metric.QUEUE_WAIT, max(now - record.sent_at, 0))
            try:
                job = decode(record.body)
            except msgspec.DecodeError as error:
                self._bury(record, str(error), done, failed)
                continue
            group = groups.setdefault(job.group, _Group())
            group.records.append(record)
            group.jobs.append(job)
        return sorted(groups.values(), key=lambda group: group.is_follow_up)

    def _bury(
        self, record: QueueRecord, reason: str, done: list[QueueRecord], failed: list[_Group]
    ) -> None:
        try:
            self.job_queue.dead_letter(record, reason)
        except UnavailableError:
            failed.append(_Group([record]))
        else:
            self.runtime.meter.count(Metric.RECORDS_BURIED)
            done.append(record)

    def _come_again(self, done: Sequence[QueueRecord], failed: Sequence[_Group]) -> list[str]:
        """Have what failed delivered again soon, each group at its time, and the rest deleted.

        Where the mapping heeds no ids, as after a plain `chalice deploy`, the rest is deleted here,
        and raising makes the mapping delete nothing more.
        """
        records = [record for group in failed for record in group.records]
        self.runtime.meter.count(Metric.RECORDS_DELAYED, len(records))
        delays: defaultdict[int, list[QueueRecord]] = defaultdict(list)
        for group in failed:
            delays[group.delay] += group.records
        try:
            # First, since a refused deletion must not keep these for the visibility timeout.
            for seconds, delayed in delays.items():
                self.job_queue.delay(delayed, seconds)
            if done and not self.reports_failures:
                self.job_queue.delete(done)
        except UnavailableError as error:
            if self.reports_failures:
                self.runtime.meter.swallow("have failed records come again soon", error)
                return [record.message_id for record in records]
            raise BatchError(
                f"{len(records)} records come again within {max(delays)} s or after the queue's"
                f" visibility timeout, and {len(done)} that are done may: {error}"
            ) from error
        if self.reports_failures:
            return [record.message_id for record in records]
        raise BatchError(
            f"{len(records)} records come again within {max(delays)} s; {len(done)} are done."
        )

    def _serve(self, group: _Group, deadline: float) -> int:
        """Carry out the jobs of one group, which are all of one kind.

        Returns:
            How many members could gain from waiting for more.
        """
        match group.jobs[0]:
            case MessageJob():
                return self._tell_messages(group, deadline)
            case FanoutJob(room=room, slots=slots):
                return self._tell_slots(room, slots, group.jobs, deadline)
            case SignalJob() | PresenceJob():
                self._tell_live(group, deadline)
            case _:
                self._follow_up(group.jobs, deadline)
        return 0

    def _tell_messages(self, group: _Group, deadline: float) -> int:
        """Number messages, and tell them."""
        messages = [job.message for job in group.jobs if isinstance(job, MessageJob)]
        room, now = messages[0].room, self._now()
        numbered, head = self._number(room, messages, group.backlog(now), deadline)
        self._erase(numbered)
        membership_version = self._census(room, head)
        presence = None
        if membership_version.members > PRESENCE_LIMIT and self.last_count.replace(
            room, membership_version.members
        ):
            presence = Presence((), (), membership_version.members)
        update = RoomUpdate(numbered, presence=presence)
        return self._tell(room, update, SlotRange(), membership_version, _ids(group.jobs), deadline)

    def _tell_live(self, group: _Group, deadline: float) -> None:
        """Tell signals and presence that are not too old; a room that is slow at it is held back.

        Somebody who came and went is told as both. A large room is only told its number of
        members, along with messages.
        """
        room, now = group.jobs[0].room, self._now()
        longest = max(round(now) - group.sent_at, 0)
        if longest > SIGNALS_WAIT:
            self.store.note_signals(room, Wait(longest, round(now)))
        signals = tuple(job.signal for job in group.jobs if isinstance(job, SignalJob))
        news = [
            job if is_timely(record.sent_at, now) else PresenceJob(room, job.id)
            for record, job in zip(group.records, group.jobs, strict=True)
            if isinstance(job, PresenceJob)
        ]
        update = RoomUpdate(signals=signals).timely(now)
        if not (update or news):
            return
        membership_version = self._census(room, self.store.head(room))
        if news and membership_version.members <= PRESENCE_LIMIT:
            presence = Presence(
                joined=tuple(dict.fromkeys(user for job in news for user in job.joined)),
                left=tuple(dict.fromkeys(user for job in news for user in job.left)),
                members=len(self.member_cache.of(room, SlotRange(), membership_version)),
            )
            update = replace(update, presence=presence)
        self._tell(room, update, SlotRange(), membership_version, _ids(group.jobs), deadline)

    def _tell_slots(
        self, room: RoomId, slots: SlotRange, jobs: Sequence[Job], deadline: float
    ) -> int:
        """Tell what another worker has shared out; what waits for one slot range is gathered."""
        fanouts = [job for job in jobs if isinstance(job, FanoutJob)]
        update = gather(job.update for job in fanouts).timely(self._now())
        # Leaves gather what waits, but don't wait for it: the room's first worker has, and a leaf
        # that did would keep one of the queue's few pollers from other leaves.
        self._tell(room, update, slots, fanouts[-1].membership_version, _ids(jobs), deadline)
        return 0

    def _follow_up(self, jobs: Iterable[Job], deadline: float) -> None:
        for job in jobs:
            if isinstance(job, RetryJob):
                members, _ = self.token_expiry.split(job.members)
                update = RoomUpdate(job.messages)
                self.delivery.again(job.room, update, members, job.attempt, deadline)
            elif isinstance(job, EndJob):
                self.token_expiry.end(job, deadline)

    def _census(self, room: RoomId, head: RoomHead) -> MembershipVersion:
        return head.membership_version(self.member_count.of(room, head))

    def _number(
        self, room: RoomId, messages: Sequence[Message], wait: Wait, deadline: float
    ) -> tuple[tuple[SequencedMessage, ...], RoomHead]:
        """Give the messages their numbers, and return where the room stands then.

        The condition of `advance` is what makes numbers unique; that the queue lets one worker at
        a time at a room only makes it rare that it fails. History is written before the head
        moves, so that whoever joins at the head finds all of it.
        """
        keys = {message.key for message in messages}
        while time.monotonic() < deadline:
            head, known = self.store.numbers(room, keys)
            numbering = assign_numbers(head, known, messages)
            if not numbering.fresh:
                return numbering.numbered, head
            self.store.append(numbering.fresh)
            advanced = self.store.advance(room, head, replace(numbering.head, numbering=wait))
            if advanced:
                self.runtime.meter.count(Metric.MESSAGES_NUMBERED, len(numbering.fresh))
                return numbering.numbered, advanced
        raise UnavailableError(f"The room {room!r} could not be numbered in time.")

    def _erase(self, numbered: Iterable[SequencedMessage]) -> None:
        """Take away the texts that tombstones are about; should it fail, the batch comes again.

        A tombstone stands above what it is about, unless the room was started anew meanwhile.
        """
        for one in numbered:
            deleted = one.message.deletes
            if deleted is not None and deleted < one.seq:
                self.store.erase(one.message.room, one.epoch, deleted)

    def _tell(
        self,
        room: RoomId,
        update: RoomUpdate,
        slots: SlotRange,
        membership_version: MembershipVersion,
        ids: Sequence[str],
        deadline: float,
    ) -> int:
        """Tell the members in a slot range, or share them among further jobs.

        Returns:
            How many members could gain from waiting for more.
        """
        if not update:
            return 0
        parts = self.fanout.split(slots, membership_version.members)
        if len(parts) > 1:
            share = replace(
                membership_version, members=ceil(membership_version.members / len(parts))
            )
            self.job_queue.publish_all(
                [
                    job
                    for part in parts
                    for job in cut(FanoutJob(room, _same_each_time(ids, part), update, part, share))
                ]
            )
            return membership_version.members
        members, overdue = self.token_expiry.split(
            self.member_cache.of(room, slots, membership_version)
        )
        self.delivery.to_slots(room, update, members, slots, membership_version.level, deadline)
        self.token_expiry.queue(overdue, room, membership_version.level)
        # Frames for the plain form hold one message each, so waiting would gather nothing.
        return sum(member.protocol is not Protocol.PLAIN for member in members)

    def _now(self) -> float:
        return self.runtime.clock() * 1000


def _ids(jobs: Iterable[Job]) -> list[str]:
    return [job.id for job in jobs]


def _same_each_time(ids: Iterable[str], part: SlotRange) -> str:
    """Make a job's id of what it is made from, so that a batch that comes again queues it once."""
    return hashlib.sha256("\n".join([*ids, str(part)]).encode()).hexdigest()
