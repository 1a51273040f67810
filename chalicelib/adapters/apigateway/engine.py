"""Engine: an event loop that keeps many sockets busy from one thread."""

from __future__ import annotations

import time
from collections import deque
from http import HTTPStatus
from selectors import EVENT_READ
from typing import TYPE_CHECKING, Final

from chalicelib.adapters.apigateway.http_connection import LostError
from chalicelib.adapters.apigateway.rate_controller import RateController, full_jitter
from chalicelib.adapters.apigateway.send_queue import SendQueue
from chalicelib.core.ports.poster import Reason, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chalicelib.adapters.apigateway.connection_pool import ConnectionPool
    from chalicelib.adapters.apigateway.http_connection import HttpConnection
    from chalicelib.adapters.apigateway.limits import PosterLimits
    from chalicelib.adapters.apigateway.send_queue import Task
    from chalicelib.adapters.apigateway.sigv4 import AwsCredentials, Signer
    from chalicelib.core.ports.poster import Post

# Looked up for every answer, and an enumeration's members are slow to look up.
OK: Final = HTTPStatus.OK.value
MULTIPLE_CHOICES: Final = HTTPStatus.MULTIPLE_CHOICES.value

TRIES: Final = 4
"""Attempts for a post that is answered 5xx, or 429 when others are not."""

BACKOFF: Final = 0.1
LONGEST_BACKOFF: Final = 2.0
"""Seconds before the first retry and before any, at most and jittered."""

HANDSHAKE: Final = 0.001
"""Seconds of work that a new socket costs: none is opened unless the last wait was longer."""

SILENCE: Final = 0.005
"""Seconds without any event after which sockets are opened that are wanted: a busy server pauses
for less, and handshakes would keep it from answering."""

SWEEP: Final = 0.05
"""Seconds between looks at what has taken too long."""


class Engine:
    """Runs calls, one at a time, on sockets that outlive them. Not for several threads at once.

    Args:
        pool: the sockets.
        signer: makes the requests.
        limits: what each call may use.
        clock: seconds since 1970, to sign for.
        monotonic: seconds of a clock that does not jump, which deadlines are of.

    Attributes:
        body: of the last answer that had one and said 2xx.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        signer: Signer,
        limits: PosterLimits,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._pool = pool
        self._signer = signer
        self._answer_seconds = limits.answer_seconds
        self._rate_controller = RateController(limits.rate, monotonic())
        self._accepted = 0
        self.body = b""

    def run(
        self,
        posts: Iterable[Post],
        credentials: AwsCredentials,
        deadline: float,
        method: str = "POST",
    ) -> Report:
        """Send requests to connections until all have ended, or the deadline has come."""
        started = self._monotonic()
        opened = self._pool.opened
        self._method = method
        self._report = Report()
        self._send_queue = SendQueue(posts, self._report)
        self._busy: dict[HttpConnection, Task] = {}
        self._lost: deque[Task] = deque()
        self._sweep_at = started + SWEEP
        try:
            self._pool.wake()
            self._loop(credentials, deadline)
        finally:
            # An answer that comes after this would be taken for that of the next request.
            leftover = [*self._busy.values(), *self._lost]
            for connection in self._busy:
                self._pool.drop(connection)
            self._pool.rest()
        reason = Reason.REFUSED if self._pool.out_of_reach else Reason.TIMED_OUT
        for task in leftover:
            self._send_queue.fail(task, reason)
        self._send_queue.give_up(reason)
        if reason in self._report.failed.values() and self._pool.trouble:
            self._report.complaints.setdefault(reason, self._pool.trouble)
        self._report.sockets_opened = self._pool.opened - opened
        self._report.seconds = self._monotonic() - started
        return self._report

    def _loop(self, credentials: AwsCredentials, deadline: float) -> None:
        """Do all that may be done, wait until more may be, and so on.

        One turn is decided at one time, `now`, as if it took none. What may not be done then may
        be at a moment after `now`, for which the wait looks, even if it has passed meanwhile.
        """
        pool = self._pool
        has_spare = False
        while True:
            self._now = now = self._monotonic()
            if now >= deadline or pool.out_of_reach:
                return
            self._wall_time = self._clock()
            self._signer.set(credentials, self._wall_time)
            self._rate_controller.adjust(now, self._accepted)
            self._dispatch(now)
            wanted = self._sockets_wanted(now)
            if has_spare or self._lost or not pool.size:
                pool.grow(wanted, now)
            if self._send_queue.finished(now):
                return
            began = self._monotonic()
            wakes_at = self._wakes_at(now, deadline)
            # Sockets that are opening wake the loop themselves; more would be in their way.
            if wanted and not pool.opening and pool.room() > 0:
                wakes_at = min(wakes_at, max(began + SILENCE, pool.pause_until))
            ready = pool.wait(max(0.0, wakes_at - began))
            self._now = self._monotonic()
            has_spare = self._now - began > HANDSHAKE
            for connection in ready:
                self._advance(connection)
            if now >= self._sweep_at:
                self._sweep(now)

    def _wakes_at(self, now: float, deadline: float) -> float:
        """Return when something has to be done, whatever comes in."""
        moments = [deadline]
        if self._busy or self._pool.opening:
            moments.append(self._sweep_at)
        # What was due by `now` waits for something else: the other of the two, or a socket.
        moments += (
            at for at in (self._rate_controller.due, self._send_queue.next_retry) if at > now
        )
        return min(moments)

    def _next(self, now: float) -> Task | None:
        if self._rate_controller.due > now:
            return None
        task = self._send_queue.next(now)
        if task:
            self._rate_controller.take(now)
        return task

    def _dispatch(self, now: float) -> None:
        """Give idle sockets their next requests.

        All are made before the first is sent, and all answers that are there are read before.
        Between system calls the processor would have to learn anew what it runs, twice the time.
        """
        batch: list[tuple[Task, bytes]] = []
        idle = self._pool.idle
        while len(batch) < len(idle) and (task := self._next(now)):
            batch.append((task, self._request(task)))
        self._now = self._monotonic()
        for task, request in batch:
            self._send(idle.pop(), task, request)

    def _request(self, task: Task) -> bytes:
        return self._signer.request(self._method, task.connection_id, task.payload)

    def _send(self, connection: HttpConnection, task: Task, request: bytes) -> None:
        report = self._report
        if task.tries:
            report.retries += 1
            report.possible_duplicates += task.doubtful
        task.tries += 1
        task.sent_at = self._now
        self._busy[connection] = task
        report.posts += 1
        report.sent_bytes += len(request)
        try:
            connection.send(request)
        except LostError as error:
            self._broken(connection, error)
            return
        if connection.interest != EVENT_READ:
            self._pool.watch(connection)

    def _advance(self, connection: HttpConnection) -> None:
        interest = connection.interest
        try:
            status = connection.advance()
        except LostError as error:
            self._broken(connection, error)
            return
        if connection.interest != interest:
            self._pool.watch(connection)
        if status:
            self._answered(connection, status)
        elif connection.is_open and connection in self._pool.opening:
            self._pool.admit(connection)
            if self._lost:
                task = self._lost.popleft()
                self._send(connection, task, self._request(task))
            else:
                self._pool.keep(connection, self._wall_time)

    def _answered(self, connection: HttpConnection, status: int) -> None:
        task = self._busy.pop(connection)
        if self._now - task.sent_at > self._report.slowest:
            self._report.slowest = self._now - task.sent_at
        if OK <= status < MULTIPLE_CHOICES:
            self._accepted += 1
            if connection.body:
                self.body = connection.body
            self._send_queue.done(task)
        else:
            self._declined(task, status, connection.body)
        if connection.reusable:
            self._pool.keep(connection, self._wall_time)
        else:
            self._pool.drop(connection)

    def _declined(self, task: Task, status: int, body: bytes) -> None:
        said = f"{status} {body[:500].decode(errors='replace')}".rstrip()
        if status == HTTPStatus.GONE:
            self._send_queue.fail(task, Reason.GONE)
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            self._rate_controller.throttled(task.connection_id)
            if self._rate_controller.is_throttled(self._now, self._accepted) or task.tries < TRIES:
                self._retry(task, Reason.THROTTLED)
            elif self._report.delivered:
                self._fail(task, Reason.SLOW_CONSUMER, said)
            else:
                self._fail(task, Reason.THROTTLED, said)
        elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            if task.tries < TRIES:
                self._retry(task, Reason.SERVER_ERROR)
            else:
                self._fail(task, Reason.SERVER_ERROR, said)
        else:
            self._fail(task, Reason.REFUSED, said)

    def _broken(self, connection: HttpConnection, error: LostError) -> None:
        task = self._busy.pop(connection, None)
        if connection in self._pool.opening:
            self._pool.unopened(connection, str(error), self._now)
            return
        self._pool.drop(connection)
        if task is None:
            return
        if connection.reused and not connection.answered and not task.resent:
            # It died while it was not used, most likely: after a frozen container's thaw all do.
            task.resent = task.doubtful = True
            self._lost.append(task)
        else:
            self._fail(task, Reason.REFUSED, str(error))

    def _retry(self, task: Task, setback: Reason) -> None:
        task.setback = setback
        task.doubtful = setback is Reason.SERVER_ERROR
        wait = full_jitter(task.tries, BACKOFF, LONGEST_BACKOFF)
        self._send_queue.retry(task, self._now + wait)

    def _fail(self, task: Task, reason: Reason, said: str) -> None:
        self._send_queue.fail(task, reason)
        self._report.complaints.setdefault(reason, said)

    def _sockets_wanted(self, now: float) -> int:
        """Return how many sockets should be opening, counted no further than may be."""
        pool = self._pool
        wanted = len(self._lost)
        room = pool.room()
        if room > 0 and not pool.idle and self._rate_controller.due <= now:
            wanted += self._send_queue.backlog(len(pool.opening) + room, now)
        return wanted

    def _sweep(self, read_at: float) -> None:
        """End what had taken too long when the sockets were last read.

        By now an answer may be there that has come in time, while this process had to wait for
        the processor.
        """
        self._sweep_at = self._now + SWEEP
        late = read_at - self._answer_seconds
        for connection, task in list(self._busy.items()):
            if task.sent_at > late:
                continue
            connection.reusable = False
            if connection.status:
                self._answered(connection, connection.status)
            else:
                del self._busy[connection]
                self._pool.drop(connection)
                self._fail(task, Reason.TIMED_OUT, f"no answer in {self._answer_seconds} s")
        for connection, end in list(self._pool.opening.items()):
            if read_at > end:
                self._pool.unopened(connection, "could not be connected to in time", self._now)
