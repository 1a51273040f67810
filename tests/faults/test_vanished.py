"""A large room most of whose members have vanished without a word, in simulated time.

The real use cases and the real store run over a table in memory. Each call takes the time that
docs/scale.md assumes; workers of different message groups run side by side, each in its own time.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

from simpy import Environment

from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.events import QueueEvent, QueueRecord
from chalicelib.core.jobs import MessageJob, encode
from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Message,
    Protocol,
    RoomId,
    User,
    UserId,
)
from chalicelib.core.ports.poster import Reason, Report
from chalicelib.service.broadcast import POSTING_SHARE, BroadcastHandler
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from planning import quotas
from planning.simulation.blocking import blocking, wait
from planning.simulation.table import Table
from tests.faults.services import BATCH, DEDUPLICATION_SECONDS
from tests.support.builders import gateway_id
from tests.support.fake_meter import FakeMeter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.jobs import Job
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.job_queue import JobQueue
    from chalicelib.core.ports.poster import Post

TEA: Final = RoomId("tea")
HERE: Final = ApiStage("a1b2c3d4e5", "api")
START: Final = 1_795_543_903.0
REMAINING: Final = 30.0
"""Seconds that Lambda gives an invocation."""


class SlowTable(Table):
    """A table whose calls take time, and each member that is read, too."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock, partial(wait, quotas.TABLE_CALL))

    def query(self, **request: Any) -> Any:
        """Read a part of a partition."""
        answer = super().query(**request)
        wait(len(answer["Items"]) * quotas.MEMBER_READ)
        return answer

    def kept(self) -> Counter[tuple[str, str]]:
        """Count the items, by the kinds of their keys."""
        return Counter((pk[:2], sk[:1]) for pk, items in self._items.items() for sk in items)


class Queue:
    """A FIFO queue, and an event source mapping that has a worker for each group.

    Args:
        clock: seconds since 1970.
        serve: begins to serve a batch of a group, which ends with `release`.
    """

    def __init__(
        self, clock: Callable[[], float], serve: Callable[[str, list[QueueRecord]], None]
    ) -> None:
        self._clock = clock
        self._serve = serve
        self._sent: dict[str, float] = {}
        self._numbers = count(1)
        self._waiting: defaultdict[str, deque[QueueRecord]] = defaultdict(deque)
        self._held: set[str] = set()

    def publish(self, job: Job) -> None:
        """See `JobQueue`."""
        self.publish_all([job])

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue`."""
        for first in range(0, len(jobs), BATCH):
            wait(quotas.QUEUE_CALL)
            for job in jobs[first : first + BATCH]:
                self._send(job)

    def release(self, group: str) -> None:
        """Delete a group's batch, and go on to its next one."""
        self._held.discard(group)
        self._receive(group)

    def _send(self, job: Job) -> None:
        now = self._clock()
        if now - self._sent.get(job.id, 0.0) < DEDUPLICATION_SECONDS:
            return
        self._sent[job.id] = now
        number = str(next(self._numbers))
        attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(round(now * 1000))}
        self._waiting[job.group].append(QueueRecord(number, number, encode(job), attributes))
        self._receive(job.group)

    def _receive(self, group: str) -> None:
        waiting = self._waiting[group]
        if waiting and group not in self._held:
            self._held.add(group)
            self._serve(group, [waiting.popleft() for _ in range(min(BATCH, len(waiting)))])


class Gateway:
    """A gateway that answers each post after the same time, over as many sockets as a worker has.

    Attributes:
        gone: connections that it has no more.
        heard: when each connection was told something last.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.gone: set[ConnectionId] = set()
        self.heard: dict[ConnectionId, float] = {}

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002 - never late
        """See `Poster.post`."""
        report = Report()
        began, rounds = self._clock(), 0
        for number, (connection_id, _) in enumerate(posts):
            rounds = 1 + number // quotas.SOCKETS
            report.posts += 1
            if connection_id in self.gone:
                report.add(connection_id, Reason.GONE)
            else:
                report.add(connection_id, None)
                self.heard[connection_id] = began + rounds * quotas.POST_SECONDS
        wait(rounds * quotas.POST_SECONDS)
        return report


class Room:
    """A large room and its workers.

    Attributes:
        members: the connections that have joined it.
        longest: the seconds that the longest invocation took.
    """

    def __init__(self, members: int) -> None:
        self._env = Environment()
        self.table = SlowTable(self.clock)
        self.store = DynamoStore(cast("DynamoDBClient", self.table), "any", self.clock)
        self.gateway = Gateway(self.clock)
        self._queue = Queue(self.clock, self._begin)
        self._broadcast = self._use_case()
        self.longest = 0.0
        self.members = [gateway_id(str(number)) for number in range(members)]
        self._env.process(blocking(self._env, self._fill))
        self._env.run()

    def clock(self) -> float:
        """Tell the seconds since 1970."""
        return START + self._env.now

    def tell(self, number: int) -> float:
        """Tell a message; return in how many seconds the last of those who are there has it.

        The next one may be told a second later.
        """
        began = self.clock()
        user = User(UserId("sender"), "Sender")
        message = Message(
            str(number),
            TEA,
            "chat",
            "hi",
            user,
            gateway_id("S"),
            round(began * 1000),
            api_stage=HERE,
        )
        job = MessageJob(TEA, message.key, message)
        self._env.process(blocking(self._env, partial(self._queue.publish, job)))
        self._env.run(until=self._env.now + 1)
        heard = [self.gateway.heard[one] for one in self.members if one not in self.gateway.gone]
        assert min(heard) > began, "somebody has not heard it"
        return max(heard) - began

    def finish(self) -> None:
        """Have everything done that is queued."""
        self._env.run()

    def _use_case(self) -> BroadcastHandler:
        ids = (f"id {number}" for number in count())
        poster = cast("Callable[[ApiStage], Any]", lambda _: self.gateway)
        queue = cast("JobQueue", self._queue)
        adapters = Adapters(self.store, queue, poster, cast("Authenticator", None))
        return UseCases(adapters, Runtime(FakeMeter(), self.clock, ids.__next__, wait)).broadcast

    def _begin(self, group: str, records: list[QueueRecord]) -> None:
        self._env.process(blocking(self._env, partial(self._serve, group, records)))

    def _serve(self, group: str, records: list[QueueRecord]) -> None:
        began = self._env.now
        wait(quotas.QUEUE_CALL)
        assert not self._broadcast.handle(QueueEvent(records), REMAINING)
        self.longest = max(self.longest, self._env.now - began)
        self._queue.release(group)

    def _fill(self) -> None:
        for one in self.members:
            user = User(UserId(f"user of {one}"), "Ada")
            opened = round(self.clock() * 1000)
            connection = Connection(one, user, Protocol.V1, opened, HERE)
            self.store.add(connection)
            self.store.join(connection, TEA)


def test_a_room_of_which_nine_in_ten_have_vanished_is_as_fast_as_before() -> None:
    """The others are told within twice the time; nothing of the vanished is left, at 2 calls each.

    The calls are all that the room makes of the table, with those of 15 messages, the first of
    which come while members are being forgotten. No worker comes near its deadline.
    """
    room = Room(10_000)
    clean = [room.tell(number) for number in range(3)][-1]
    room.gateway.gone.update(room.members[1000:])
    before = room.table.calls.total()
    delays = [room.tell(number) for number in range(3, 18)]
    room.finish()
    assert room.table.calls.total() - before < 2 * len(room.gateway.gone)
    assert max(delays) < 2 * clean
    assert room.longest < REMAINING * POSTING_SHARE / 2
    kept = room.table.kept()
    assert kept["C#", "C"] == kept["C#", "R"] == kept["U#", "C"] == kept["M#", "M"] == 1000
