"""Tokens: their renewal over an open connection, and their end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from chalicelib.core import protocol
from chalicelib.core.errors import Code, FrameError, HandshakeError, UnavailableError
from chalicelib.core.identity import ends_soon, has_ended, is_over
from chalicelib.core.model import Protocol
from chalicelib.core.ports.authenticator import HandshakeCredentials
from chalicelib.core.protocol import ExpiringFrame, LeftFrame, Renew, RenewedFrame
from chalicelib.core.record import Record
from chalicelib.service.delivery import ENDED_AT_ONCE, end_jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.core.identity import Identity
    from chalicelib.core.jobs import EndJob
    from chalicelib.core.model import Connection, Member, RoomId
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.store import Store
    from chalicelib.core.protocol import Frame, Request
    from chalicelib.service.connections import ConnectionCloser
    from chalicelib.service.membership import Membership
    from chalicelib.service.presence import PresenceNotifier
    from chalicelib.service.runtime import Runtime


class TokenRenewal(Record, frozen=True):
    """Refuses frames after a token's end, and takes new tokens."""

    store: Store
    membership: Membership
    authenticator: Authenticator
    runtime: Runtime

    def require_time(self, connection: Connection, request: Request) -> None:
        """Refuse what comes after the token's end; within the grace, a new token is taken.

        Raises:
            FrameError: `token_expired`; the connection is to be closed when the grace is over.
        """
        now = self.runtime.clock()
        if is_over(connection.until, now) or (
            has_ended(connection.until, now) and not isinstance(request, Renew)
        ):
            raise FrameError(
                Code.TOKEN_EXPIRED,
                "The token has ended: renew it, or connect again with a new one.",
                closes=is_over(connection.until, now),
            )

    def warning(self, connection: Connection) -> ExpiringFrame | None:
        """Return what to tell a connection whose token ends soon; the plain form knows no such."""
        if connection.until is None or connection.protocol is Protocol.PLAIN:
            return None
        if not ends_soon(connection.until, self.runtime.clock()):
            return None
        return ExpiringFrame(at=protocol.timestamp(connection.until * 1000))

    def renew(self, connection: Connection, request: Renew) -> list[Frame]:
        """Let the connection go on under a new token of the same user, with that one's rights.

        It leaves the rooms that it has no right to any more. Its name stays, as the rooms know it.

        Raises:
            FrameError: `forbidden`.
        """
        identity = self._identity(request.token)
        if identity.until is None or identity.user.user_id != connection.user.user_id:
            raise _refusal()
        renewed = replace(connection, rights=identity.rights, until=identity.until)
        # The rights first: a join that is under way looks at them after it has noted the room.
        lost = []
        for room in self.store.renew(renewed):
            if identity.rights.may_join(room, self.membership.private):
                self.store.extend(renewed, room)
            else:
                self.membership.take_out(renewed, room)
                lost.append(room)
        left = [LeftFrame(room=room, reason="rights") for room in lost]
        return [*left, RenewedFrame(until=protocol.timestamp(identity.until * 1000))]

    def _identity(self, token: str) -> Identity:
        try:
            return self.authenticator.authenticate(HandshakeCredentials(token=token))
        except HandshakeError as error:
            self.runtime.meter.note(reason=error.reason)
            raise _refusal() from None


def _refusal() -> FrameError:
    return FrameError(Code.FORBIDDEN, "This token does not prove the connection's user.")


class TokenExpiry(Record, frozen=True):
    """Closes connections whose token has ended, and forgets them, in jobs of their own."""

    store: Store
    job_queue: JobQueue
    closer: ConnectionCloser
    notifier: PresenceNotifier
    runtime: Runtime

    def split(self, members: Sequence[Member]) -> tuple[Sequence[Member], Sequence[Member]]:
        """Part those who may be posted to from those who may not."""
        now = self.runtime.clock()
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
            self.runtime.meter.swallow("have connections closed whose tokens have ended", error)

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
        if connection and not is_over(connection.until, self.runtime.clock()):
            self.store.extend(connection, room)
            return False
        self.closer.close(member.id, member.api_stage)
        return True
