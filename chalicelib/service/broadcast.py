"""What was accepted goes out to the members of its room."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from typing import TYPE_CHECKING, Final

import msgspec

from chalicelib import rooms
from chalicelib.bulletin import Bulletin, Presence, SignalSent, gather
from chalicelib.errors import BatchError, UnavailableError
from chalicelib.jobs import (
    RECEIVE_BATCH,
    FanoutJob,
    MessageJob,
    PresenceJob,
    RetryJob,
    SignalJob,
    cut,
    decode,
)
from chalicelib.meter import Metric
from chalicelib.model import Protocol, Span
from chalicelib.service.presence import PRESENCE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.events import QueueEvent, QueueRecord
    from chalicelib.fanout import Fanout
    from chalicelib.jobs import Job
    from chalicelib.members import LastCensus, MemberCache
    from chalicelib.meter import Meter
    from chalicelib.model import Census, Head, Numbered, Origin, RoomId
    from chalicelib.outbox import Outbox
    from chalicelib.service.delivery import Delivery
    from chalicelib.service.expiry import Expiry
    from chalicelib.store import Store

POSTING_SHARE: Final = 0.8
"""How much of an invocation's time goes to posting; the rest is for what comes after."""

LONGEST_DELAY: Final = 60
"""Seconds at most until a batch that could not be numbered comes again."""


@dataclass(frozen=True)
class Broadcast:
    """Numbers a batch of messages, room by room, and posts it with signals and presence.

    A worker posts to the members of a room itself, or shares them among further jobs. Then it
    keeps a busy room to itself for a moment, so that what comes meanwhile shares frames.

    Dying anywhere is safe. Until the records are deleted they come again, get the numbers they
    have, and are posted again; clients drop what they have already.
    """

    store: Store
    outbox: Outbox
    delivery: Delivery
    expiry: Expiry
    members: MemberCache
    last_told: LastCensus
    fanout: Fanout
    clock: Callable[[], float]
    meter: Meter
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, event: QueueEvent, remaining: float) -> None:
        """Run the use case for a batch, within the invocation's `remaining` seconds.

        Raises:
            BatchError: some rooms could not be served now; their records come again, and the
                others are deleted.
        """
        deadline = time.monotonic() + remaining * POSTING_SHARE
        audience = 0
        done: list[QueueRecord] = []
        failed: list[QueueRecord] = []
        groups = self._groups(event.records, done, failed)
        self.meter.note(rooms=",".join(sorted({jobs[0].room for _, jobs in groups})))
        for records, jobs in groups:
            try:
                audience = self._serve(jobs, deadline)
            except UnavailableError as error:
                self.meter.note(reason=str(error))
                failed += records
            else:
                done += records
        if failed:
            self._come_again(done, failed)
        # Where others wait, or more is waiting already, there is nothing to wait for.
        if len(groups) == 1 and len(event.records) < RECEIVE_BATCH:
            self.sleep(min(self.fanout.linger(audience), max(deadline - time.monotonic(), 0)))

    def _groups(
        self, records: Iterable[QueueRecord], done: list[QueueRecord], failed: list[QueueRecord]
    ) -> list[tuple[list[QueueRecord], list[Job]]]:
        """Sort a batch into groups, and bury what is no job."""
        groups: dict[str, tuple[list[QueueRecord], list[Job]]] = {}
        now = self.clock() * 1000
        for record in records:
            self.meter.count(Metric.QUEUE_WAIT, max(now - record.sent_at, 0))
            try:
                job = decode(record.body)
            except msgspec.DecodeError as error:
                self._bury(record, str(error), done, failed)
                continue
            group = groups.setdefault(job.group, ([], []))
            group[0].append(record)
            group[1].append(job)
        return list(groups.values())

    def _bury(
        self, record: QueueRecord, reason: str, done: list[QueueRecord], failed: list[QueueRecord]
    ) -> None:
        try:
            self.outbox.bury(record, reason)
        except UnavailableError:
            failed.append(record)
        else:
            self.meter.count(Metric.RECORDS_BURIED)
            done.append(record)

    def _come_again(self, done: Sequence[QueueRecord], failed: Sequence[QueueRecord]) -> None:
        """Delete what is done, and have the rest delivered again soon.

        Raising then makes the mapping delete nothing. That needs no `ReportBatchItemFailures`,
        which `chalice deploy` cannot set, and is as right where it is set: a function that raises
        has failed as a whole.
        """
        self.meter.count(Metric.RECORDS_DELAYED, len(failed))
        seconds = min(2 ** max(record.receive_count for record in failed), LONGEST_DELAY)
        try:
            if done:
                self.outbox.delete(done)
            self.outbox.delay(failed, seconds)
        except UnavailableError as error:
            raise BatchError(
                f"{len(failed)} records come again after the queue's visibility timeout,"
                f" and {len(done)} that are done may: {error}"
            ) from error
        raise BatchError(f"{len(failed)} records come again in {seconds} s; {len(done)} are done.")

    def _serve(self, jobs: Sequence[Job], deadline: float) -> int:
        """Carry out the jobs of one group, which are all of one kind.

        Returns:
            How many members could gain from waiting for more.
        """
        room, origin, ids = jobs[0].room, jobs[-1].origin, [job.id for job in jobs]
        match jobs[-1]:
            case RetryJob():
                return self._retry([job for job in jobs if isinstance(job, RetryJob)], deadline)
            case FanoutJob(span=span, census=census):
                bulletin = gather(job.bulletin for job in jobs if isinstance(job, FanoutJob))
            case _:
                numbered, head = self._number(room, jobs, deadline)
                self._erase(numbered)
                span, census = Span(), head.census
                bulletin = Bulletin(numbered, _signals(jobs), self._presence(jobs, census))
        if not bulletin:
            return 0
        parts = self.fanout.split(span, census.members)
        if len(parts) == 1:
            audience = self._post_to_span(room, bulletin, span, census, origin, deadline)
            # Leaves gather what waits, but don't wait for it: the room's first worker has, and a
            # leaf that did would keep one of the queue's few pollers from other leaves.
            return audience if span == Span() else 0
        share = replace(census, members=ceil(census.members / len(parts)))
        self.outbox.publish_all(
            [
                job
                for part in parts
                for job in cut(
                    FanoutJob(origin, room, _same_each_time(ids, part), bulletin, part, share)
                )
            ]
        )
        return census.members if span == Span() else 0

    def _presence(self, jobs: Sequence[Job], census: Census) -> Presence | None:
        """Gather the news of comings and goings; somebody who came and went is told as both.

        A large room is only told its number of members, along with messages, when it has changed.
        """
        if census.members > PRESENCE_LIMIT:
            told = any(isinstance(job, MessageJob) for job in jobs)
            changed = told and self.last_told.replace(jobs[0].room, census)
            return Presence((), (), census.members) if changed else None
        news = [job for job in jobs if isinstance(job, PresenceJob)]
        if not news:
            return None
        return Presence(
            joined=tuple(dict.fromkeys(user for job in news for user in job.joined)),
            left=tuple(dict.fromkeys(user for job in news for user in job.left)),
            members=census.members,
        )

    def _number(
        self, room: RoomId, jobs: Sequence[Job], deadline: float
    ) -> tuple[tuple[Numbered, ...], Head]:
        """Give the messages their numbers, and return where the room stands then.

        The condition of `advance` is what makes numbers unique; that the queue lets one worker at
        a time at a room only makes it rare that it fails. History is written before the head
        moves, so that whoever joins at the head finds all of it.
        """
        messages = [job.message for job in jobs if isinstance(job, MessageJob)]
        while time.monotonic() < deadline:
            head = self.store.head(room)
            numbering = rooms.number(head, messages)
            if not numbering.fresh:
                return numbering.numbered, head
            self.store.append(numbering.fresh)
            advanced = self.store.advance(room, head, numbering.head)
            if advanced:
                self.meter.count(Metric.MESSAGES_NUMBERED, len(numbering.fresh))
                return numbering.numbered, advanced
        raise UnavailableError(f"The room {room!r} could not be numbered in time.")

    def _erase(self, numbered: Iterable[Numbered]) -> None:
        """Take away the texts that tombstones are about; should it fail, the batch comes again.

        A tombstone stands above what it is about, unless the room was started anew meanwhile.
        """
        for one in numbered:
            deleted = one.message.deletes
            if deleted is not None and deleted < one.seq:
                self.store.erase(one.message.room, one.epoch, deleted)

    def _post_to_span(
        self,
        room: RoomId,
        bulletin: Bulletin,
        span: Span,
        census: Census,
        origin: Origin,
        deadline: float,
    ) -> int:
        members, overdue = self.expiry.split(self.members.of(room, span, census))
        posts = chain(bulletin.posts(room, members), bulletin.acks(members, span))
        self.delivery(room, bulletin, members, posts, origin, deadline, attempt=1)
        self.expiry.end(overdue, room, origin)
        # Frames for the plain form hold one message each, so waiting would gather nothing.
        return sum(member.protocol is not Protocol.PLAIN for member in members)

    def _retry(self, jobs: Iterable[RetryJob], deadline: float) -> int:
        for job in jobs:
            room, origin = job.room, job.origin
            members, _ = self.expiry.split(job.members)
            bulletin = Bulletin(job.messages)
            posts = bulletin.posts(room, members)
            attempt = job.attempt + 1
            self.delivery(room, bulletin, members, posts, origin, deadline, attempt)
        return 0


def _signals(jobs: Iterable[Job]) -> tuple[SignalSent, ...]:
    return tuple(
        SignalSent(job.data, job.user, job.sender) for job in jobs if isinstance(job, SignalJob)
    )


def _same_each_time(ids: Iterable[str], part: Span) -> str:
    """Make a job's id of what it is made from, so that a batch that comes again queues it once."""
    return hashlib.sha256("\n".join([*ids, str(part)]).encode()).hexdigest()
