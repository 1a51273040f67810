"""Members whose tokens have ended are told nothing more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chalicelib.core.errors import UnavailableError
from chalicelib.core.identity import is_over
from chalicelib.core.record import Record
from chalicelib.service.connection_closer import CLOSE_SECONDS
from chalicelib.service.delivery import ENDED_AT_ONCE, end_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.core.jobs import EndJob
    from chalicelib.core.model import Member, RoomId
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.ports.store import Store
    from chalicelib.service.connection_closer import ConnectionCloser
    from chalicelib.service.presence import PresenceNotifier


class TokenExpiry(Record, frozen=True):
    """Ends connections whose time is over, in jobs of their own, and forgets who is gone."""

    store: Store
    job_queue: JobQueue
    closing: ConnectionCloser
    notifier: PresenceNotifier
    clock: Callable[[], float]
    meter: Meter

    def split(self, members: Sequence[Member]) -> tuple[Sequence[Member], Sequence[Member]]:
        """Part those who may be posted to from those who may not."""
        now = self.clock()
        overdue = [member for member in members if is_over(member.until, now)]
        if not overdue:
            return members, ()
        return [member for member in members if not is_over(member.until, now)], overdue

    def queue(self, overdue: Sequence[Member], room: RoomId, level: int) -> None:
        """Have connections closed whose time is over; what fails, the next broadcast does again."""
        if not overdue:
            return
        try:
            self.job_queue.publish_all(list(end_jobs(room, overdue, level, closes=True)))
        except UnavailableError as error:
            self.meter.swallow("have connections closed whose tokens have ended", error)

    def end(self, job: EndJob, deadline: float) -> None:
        """Carry out a job, as far as it gets until the deadline, and queue the rest of it.

        Raises:
            UnavailableError: the table or the queue failed, or there was no time for anything; the
                job must come again.
        """
        members = job.members
        while members and time.monotonic() < deadline:
            batch: Sequence[Member] = members[:ENDED_AT_ONCE]
            over = batch
            if job.closes:
                batch, over = self._close_all(batch, job.room, deadline)
            members = members[len(batch) :]
            if over:
                self.notifier.left(self.store.forget_all(over, job.room, job.level))
        if not members:
            return
        if members == job.members:
            # The same members are the same job, which the queue would drop as a repetition.
            raise UnavailableError(f"There was no time to end members of the room {job.room!r}.")
        rest = end_jobs(job.room, members, job.level, closes=job.closes)
        self.job_queue.publish_all(list(rest))

    def _close_all(
        self, members: Sequence[Member], room: RoomId, deadline: float
    ) -> tuple[Sequence[Member], Sequence[Member]]:
        """Close connections until the deadline; return whom it was done for, and who is over."""
        over: list[Member] = []
        for count, member in enumerate(members):
            if time.monotonic() >= deadline:
                return members[:count], over
            if self._close(member, room):
                over.append(member)
        return members, over

    def _close(self, member: Member, room: RoomId) -> bool:
        """Close a connection whose time is over; return whether it is.

        A renewal changes a connection first, and its members of rooms after that; one that died or
        came between is made good here.
        """
        connection = self.store.connection(member.id)
        if connection and not is_over(connection.until, self.clock()):
            self.store.extend(connection, room)
            return False
        self.closing.close(member.id, member.origin, time.monotonic() + CLOSE_SECONDS)
        return True
