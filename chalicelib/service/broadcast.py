"""What was accepted goes out to the members of its room."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

import msgspec

from chalicelib import outbox, rooms
from chalicelib.errors import BatchError, UnavailableError
from chalicelib.outbox import MessageJob, PresenceJob, RetryJob, SignalJob
from chalicelib.posting import Report
from chalicelib.rooms import PRESENCE_LIMIT, Bulletin, Presence, SignalSent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.events import QueueEvent, QueueRecord
    from chalicelib.members import MemberCache, Roster
    from chalicelib.model import ConnectionId, Head, Member, Numbered, Origin, RoomId
    from chalicelib.outbox import Job, Outbox
    from chalicelib.posting import Poster
    from chalicelib.service.presence import Herald
    from chalicelib.store import Store

POSTING_SHARE: Final = 0.8
"""How much of an invocation's time goes to posting; the rest is for what comes after."""

ATTEMPTS: Final = 3
"""How often missed posts are tried again; after that the client's gap detection is left."""

RETRY_MEMBERS: Final = 500
"""Members in one retry job, which has to fit into a queue message of 1 MiB."""

LONGEST_DELAY: Final = 60
"""Seconds at most until a batch that could not be numbered comes again."""


@dataclass(frozen=True)
class Broadcast:
    """Numbers a batch of messages, room by room, and posts it with signals and presence.

    Dying anywhere is safe. Until the records are deleted they come again, get the numbers they
    have, and are posted again; clients drop what they have already.
    """

    store: Store
    outbox: Outbox
    poster: Callable[[Origin], Poster]
    members: MemberCache
    herald: Herald
    new_id: Callable[[], str]

    def __call__(self, event: QueueEvent, remaining: float) -> Report:
        """Run the use case for a batch, within the invocation's `remaining` seconds.

        Raises:
            BatchError: some rooms could not be served now; their records come again, and the
                others are deleted.
        """
        deadline = time.monotonic() + remaining * POSTING_SHARE
        total = Report()
        done: list[QueueRecord] = []
        failed: list[QueueRecord] = []
        for records, jobs in self._groups(event.records, done, failed):
            try:
                total.merge(self._serve(jobs, deadline))
            except UnavailableError:
                failed += records
            else:
                done += records
        if failed:
            self._come_again(done, failed)
        return total

    def _groups(
        self, records: Iterable[QueueRecord], done: list[QueueRecord], failed: list[QueueRecord]
    ) -> list[tuple[list[QueueRecord], list[Job]]]:
        """Sort a batch into groups, and bury what is no job."""
        groups: dict[str, tuple[list[QueueRecord], list[Job]]] = {}
        for record in records:
            try:
                job = outbox.decode(record.body)
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
            done.append(record)

    def _come_again(self, done: Sequence[QueueRecord], failed: Sequence[QueueRecord]) -> None:
        """Delete what is done, and have the rest delivered again soon.

        Raising then makes the mapping delete nothing. That needs no `ReportBatchItemFailures`,
        which `chalice deploy` cannot set, and is as right where it is set: a function that raises
        has failed as a whole.
        """
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

    def _serve(self, jobs: Sequence[Job], deadline: float) -> Report:
        total = Report()
        for retry in jobs:
            if isinstance(retry, RetryJob):
                total.merge(self._retry(retry, deadline))
        news = [job for job in jobs if not isinstance(job, RetryJob)]
        if news:
            total.merge(self._tell(news, deadline))
        return total

    def _tell(
        self, jobs: Sequence[MessageJob | SignalJob | PresenceJob], deadline: float
    ) -> Report:
        """Number and post what one room is to be told."""
        room, origin = jobs[0].room, jobs[-1].origin
        numbered, head = self._number(room, jobs, deadline)
        entries = _entries(jobs, numbered)
        if not entries and head.members > PRESENCE_LIMIT:
            return Report()
        roster = self.members.of(room, head)
        bulletin = Bulletin(room, entries, _presence(jobs, roster))
        return self._post(bulletin, roster.members, origin, deadline, attempt=0)

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
                return numbering.numbered, advanced
        raise UnavailableError(f"The room {room!r} could not be numbered in time.")

    def _post(
        self,
        bulletin: Bulletin,
        members: Sequence[Member],
        origin: Origin,
        deadline: float,
        attempt: int,
    ) -> Report:
        posts = bulletin.posts(members)
        if not attempt:
            posts = chain(posts, bulletin.acks(members))
        report = self.poster(origin).post(posts, deadline)
        self._forget(report.gone, bulletin.room, origin)
        missed = [member for member in members if member.id in report.failed]
        messages = bulletin.messages()
        if messages and attempt < ATTEMPTS:
            for start in range(0, len(missed), RETRY_MEMBERS):
                self._retry_later(
                    RetryJob(
                        origin=origin,
                        room=bulletin.room,
                        id=self.new_id(),
                        messages=messages,
                        members=tuple(missed[start : start + RETRY_MEMBERS]),
                        attempt=attempt + 1,
                    )
                )
        return report

    def _retry(self, job: RetryJob, deadline: float) -> Report:
        bulletin = Bulletin(job.room, job.messages)
        return self._post(bulletin, job.members, job.origin, deadline, job.attempt)

    def _retry_later(self, job: RetryJob) -> None:
        """Queue a retry; should that fail too, the clients' gap detection finds the loss."""
        try:
            self.outbox.publish(job)
        except UnavailableError:
            return

    def _forget(self, gone: Iterable[ConnectionId], room: RoomId, origin: Origin) -> None:
        """Forget who is gone; who can't be forgotten now will answer 410 again."""
        departures = []
        try:
            for connection_id in gone:
                departures += self.store.forget(connection_id, room)
        except UnavailableError:
            pass
        self.herald.left(origin, departures)


def _entries(
    jobs: Iterable[Job], numbered: Iterable[Numbered]
) -> tuple[Numbered | SignalSent, ...]:
    """Put messages, with their numbers, and signals into the order of the batch."""
    numbers = iter(numbered)
    entries: list[Numbered | SignalSent] = []
    for job in jobs:
        if isinstance(job, MessageJob):
            entries.append(next(numbers))
        elif isinstance(job, SignalJob):
            entries.append(SignalSent(msgspec.Raw(job.data), job.user, job.sender))
    return tuple(entries)


def _presence(jobs: Sequence[Job], roster: Roster) -> Presence | None:
    """Gather the news of comings and goings; somebody who came and went again is told as both.

    A large room is only told its number of members, and only along with messages.
    """
    members = len(roster.members)
    if members > PRESENCE_LIMIT:
        told = any(isinstance(job, MessageJob) for job in jobs)
        return Presence((), (), members) if told and roster.fresh else None
    news = [job for job in jobs if isinstance(job, PresenceJob)]
    if not news:
        return None
    return Presence(
        joined=tuple(dict.fromkeys(user for job in news for user in job.joined)),
        left=tuple(dict.fromkeys(user for job in news for user in job.left)),
        members=members,
    )
