"""Posts reach the members, and what becomes of them is seen to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.errors import UnavailableError
from chalicelib.jobs import RetryJob, cut
from chalicelib.meter import Metric
from chalicelib.posting import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.bulletin import Bulletin
    from chalicelib.meter import Meter
    from chalicelib.model import ConnectionId, Member, Origin, RoomId
    from chalicelib.outbox import Outbox
    from chalicelib.posting import Post, Poster, Report
    from chalicelib.service.presence import Herald
    from chalicelib.store import Departure, Store

ATTEMPTS: Final = 3
"""How often missed posts are tried again; after that the client's gap detection is left."""


@dataclass(frozen=True)
class Delivery:
    """Posts to members, forgets who is gone, and has tried again what members have missed."""

    store: Store
    outbox: Outbox
    poster: Callable[[Origin], Poster]
    herald: Herald
    new_id: Callable[[], str]
    clock: Callable[[], float]
    meter: Meter

    def __call__(
        self,
        room: RoomId,
        bulletin: Bulletin,
        members: Sequence[Member],
        posts: Iterable[Post],
        origin: Origin,
        deadline: float,
        attempt: int,
    ) -> None:
        """Carry out posts that tell a bulletin to members of a room.

        Args:
            room: the room.
            bulletin: what the posts tell.
            members: whom they tell it.
            posts: the posts.
            origin: where to post.
            deadline: when to give up, in seconds of `time.monotonic`.
            attempt: 1 for the first, one more for each retry.
        """
        report = self.poster(origin).post(posts, deadline)
        self._measure(report, bulletin, len(members))
        self._forget(report.gone, room, origin)
        self._retry_later(room, bulletin, members, report, origin, attempt)

    def _measure(self, report: Report, bulletin: Bulletin, members: int) -> None:
        count = self.meter.count
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
        if members and bulletin.messages:
            count(Metric.POSTS_PER_MESSAGE, report.posts / (members * len(bulletin.messages)))
        now = self.clock() * 1000
        for numbered in bulletin.messages:
            count(Metric.DELAY, max(now - numbered.message.sent_at, 0))

    def _retry_later(
        self,
        room: RoomId,
        bulletin: Bulletin,
        members: Iterable[Member],
        report: Report,
        origin: Origin,
        attempt: int,
    ) -> None:
        """Queue what members have missed for a further attempt, for them alone.

        Should that fail too, or have been tried often enough, the clients' own rules are left:
        they see the gap, or learn from a `pong` how far the room has come.
        """
        missed = [member for member in members if member.id in report.failed]
        if not bulletin.messages or not missed:
            return
        if attempt > ATTEMPTS:
            self.meter.count(Metric.GIVEN_UP, len(missed))
            return
        job = RetryJob(origin, room, self.new_id(), bulletin.messages, tuple(missed), attempt)
        try:
            self.outbox.publish_all(list(cut(job)))
        except UnavailableError as error:
            self.meter.swallow("queue missed posts again", error)
        else:
            self.meter.count(Metric.RETRIES_QUEUED, len(missed))

    def _forget(self, gone: Iterable[ConnectionId], room: RoomId, origin: Origin) -> None:
        """Forget who is gone; who can't be forgotten now will answer 410 again."""
        departures: list[Departure] = []
        try:
            for connection_id in gone:
                departures += self.store.forget(connection_id, room)
        except UnavailableError as error:
            self.meter.swallow("forget who is gone", error)
        self.herald.left(origin, departures)
