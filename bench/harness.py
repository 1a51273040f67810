"""The real broadcast, on the embedded table, with a queue in this process.

What the queue does is what SQS does: a batch of up to 10 in flight for each group, in order, and
groups side by side; each batch in a thread, as each would have a function of its own.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import boto3

from apigw_local.aws.cloudformation import Stack, Template
from apigw_local.aws.emulator import Emulator
from chalicelib.adapters.dynamodb.items import head_key, member_item, shard_key
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.adapters.telemetry import CurrentMeter
from chalicelib.core.events import QueueEvent, QueueRecord
from chalicelib.core.jobs import RECEIVE_BATCH, MessageJob, QueueDepth, encode
from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Message,
    Protocol,
    RoomId,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.shards import CAPACITY, WHOLE, ShardState, shard_of, shards_of
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.fanout import Fanout
    from chalicelib.core.jobs import Job
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.poster import ConnectionManager, ManagementApi, Post, Poster, Report
    from chalicelib.service.broadcast import BroadcastHandler

PROJECT: Final = Path(__file__).parent.parent
STAGE: Final = "bench"
TABLE: Final = f"fanfare-{STAGE}"
ORIGIN: Final = ApiStage("a1b2c3d4e5", "prod")
REMAINING: Final = 30.0
WRITE_BATCH: Final = 25


class TimedPoster:
    """Notes when posts have ended, and counts them, for whoever posts through it.

    Attributes:
        posts: how many there were in all.
        ended: when the newest ones of a thread had all been answered, by `time.perf_counter`.
    """

    def __init__(self, poster: Poster) -> None:
        self._poster = poster
        self._lock = threading.Lock()
        self._thread = threading.local()
        self.posts = 0
        self.ended = 0.0

    @property
    def thread_ended(self) -> float:
        """Moment at which the newest posts of the calling thread had been answered."""
        ended: float = getattr(self._thread, "ended", 0.0)
        return ended

    def post(self, posts: Iterable[Post], deadline: float) -> Report:
        """See `Poster.post`.

        Raises:
            RuntimeError: a post failed, so that the figures would mean nothing.
        """
        report = self._poster.post(posts, deadline)
        self._thread.ended = time.perf_counter()
        if report.failed or report.gone:
            raise RuntimeError(f"Posts failed: {report.failed or report.gone}")
        with self._lock:
            self.posts += report.posts
            self.ended = max(self.ended, self._thread.ended)
        return report


class Queue:
    """a job queue whose jobs are carried out by threads of this process.

    Attributes:
        delays: seconds from a message's acceptance until its posts were answered.
    """

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._groups: defaultdict[str, deque[tuple[QueueRecord, float]]] = defaultdict(deque)
        self._busy: set[str] = set()
        self._idle = threading.Condition()
        self._threads = ThreadPoolExecutor(32)
        self._ids = itertools.count()
        self.broadcast: BroadcastHandler
        self.poster: TimedPoster
        self._error: BaseException | None = None

    def publish(self, job: Job) -> None:
        """See `JobQueue.publish`."""
        number = str(next(self._ids))
        attributes = {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(time.time() * 1000)),
        }
        record = QueueRecord(number, number, encode(job), attributes)
        with self._idle:
            self._groups[job.group].append((record, time.perf_counter()))
            if job.group not in self._busy:
                self._busy.add(job.group)
                self._threads.submit(self._work, job.group)

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue.publish_all`."""
        for job in jobs:
            self.publish(job)

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """See `JobQueue.dead_letter`; nothing here is to be buried."""
        raise RuntimeError(f"{record.body}: {reason}")

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `JobQueue.delete`; what was taken is off the queue already."""

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:
        """See `JobQueue.delay`; nothing here is to fail."""
        raise RuntimeError(f"{len(records)} records would come again after {seconds} s")

    def waiting(self) -> QueueDepth:
        """See `JobQueue.waiting`."""
        with self._idle:
            return QueueDepth(sum(map(len, self._groups.values())), 0)

    def wait(self) -> None:
        """Wait until everything is done.

        Raises:
            RuntimeError: something failed.
        """
        with self._idle:
            self._idle.wait_for(lambda: not self._busy)
        if self._error:
            raise RuntimeError("A broadcast failed.") from self._error

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _work(self, group: str) -> None:
        try:
            while batch := self._take(group):
                self.broadcast.handle(QueueEvent([record for record, _ in batch]), REMAINING)
                ended = self.poster.thread_ended
                self.delays += [ended - accepted for _, accepted in batch]
        except Exception as error:
            with self._idle:
                self._error = error
                self._busy.discard(group)
                self._idle.notify_all()

    def _take(self, group: str) -> list[tuple[QueueRecord, float]]:
        with self._idle:
            waiting = self._groups[group]
            batch = [waiting.popleft() for _ in range(min(RECEIVE_BATCH, len(waiting)))]
            if not batch:
                self._busy.discard(group)
                self._idle.notify_all()
            return batch


class Stage:
    """A table with rooms in it, and the broadcast that serves them."""

    def __init__(self, dynamodb: DynamoDBClient, poster: Poster, fanout: Fanout) -> None:
        self.store = DynamoStore(dynamodb, TABLE, time.time)
        self._dynamodb = dynamodb
        self._ids = itertools.count()
        self.poster = TimedPoster(poster)
        self.queue = Queue()
        self.queue.poster = self.poster
        adapters = Adapters(self.store, self.queue, self._poster, cast("Authenticator", None))
        # Outside of an invocation this meter counts nothing.
        runtime = Runtime(CurrentMeter(), new_id=self._new_id)
        self.queue.broadcast = UseCases(adapters, runtime, fanout=fanout).broadcast

    def _poster(self, _: ApiStage) -> ManagementApi:
        # Nobody is closed or asked after: the broadcast only posts.
        return cast("ManagementApi", self.poster)

    def fill(self, room: RoomId, members: int) -> None:
        """Make a room that has so many members."""
        connections = [_connection(_member(room, number)) for number in range(members)]
        self.store.add(connections[0])
        _, head = self.store.join(connections[0], room)
        levels = [_level(number) for number in range(members)]
        counts = Counter(map(shard_of, (one.id for one in connections), levels))
        lowest = counts.pop(WHOLE)
        items: list[Any] = [
            *map(partial(member_item, room), connections[1:], levels[1:]),
            *(
                {**shard_key(room, shard), "version": {"N": "1"}, "members": {"N": str(count)}}
                for shard, count in counts.items()
            ),
        ]
        expiry: Any = {"expires_at": {"N": str(int(time.time()) + 7200)}}
        requests: list[Any] = [{"PutRequest": {"Item": item | expiry}} for item in items]
        for start in range(0, len(requests), WRITE_BATCH):
            batch = requests[start : start + WRITE_BATCH]
            self._dynamodb.batch_write_item(RequestItems={TABLE: batch})
        self._dynamodb.update_item(
            TableName=TABLE,
            Key=head_key(room),
            UpdateExpression="SET spread = :level",
            ExpressionAttributeValues={":level": {"N": str(levels[-1])}},
        )
        self.store.repair_member_count(room, WHOLE, ShardState(head.version, lowest))

    def say(self, room: RoomId) -> None:
        """Accept a message of the first member, which gets an ack in its place."""
        message = Message(
            id=self._new_id(),
            room=room,
            type="chat",
            text="x" * 100,
            user=User(UserId("sender"), "Sender"),
            sender=_member(room, 0),
            sent_at=int(time.time() * 1000),
            api_stage=ORIGIN,
        )
        self.queue.publish(MessageJob(room, message.key, message))

    def read(self, room: RoomId) -> Iterator[ConnectionId]:
        """Read a room's members from the table, as the plain algorithm does for each message."""
        return (
            member.id
            for shard in shards_of(SlotRange(), self.store.head(room).level)
            for member in self.store.members(room, shard, SlotRange())
        )

    def _new_id(self) -> str:
        return f"bench-{time.time_ns()}-{next(self._ids)}"


@contextmanager
def embedded_table() -> Iterator[DynamoDBClient]:
    """Give the embedded DynamoDB, with the project's table."""
    endpoint = Emulator(PROJECT / "bench", os.getpid()).endpoint()
    session = boto3.Session("test", "test", region_name="us-east-1")
    stack = Stack(session.client("cloudformation", endpoint_url=endpoint), "bench-resources")
    stack.deploy(Template.read(PROJECT / "infra/resources.json"), STAGE)
    client = session.client("dynamodb", endpoint_url=endpoint)
    yield client
    client.close()


def _level(number: int) -> int:
    """Return the level that a room's members have reached when so many have joined."""
    return bisect_right(list(accumulate(CAPACITY)), number)


def _member(room: RoomId, number: int) -> ConnectionId:
    return ConnectionId(f"{room}-{number:07}=")


def _connection(connection_id: ConnectionId) -> Connection:
    return Connection(
        connection_id,
        User(UserId(connection_id), "Somebody"),
        Protocol.V1,
        int(time.time() * 1000),
        ORIGIN,
    )


def _no_manager(api_stage: ApiStage) -> ConnectionManager:
    raise AssertionError(f"nobody at {api_stage} has a token that could end")
