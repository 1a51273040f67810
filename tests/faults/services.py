"""SQS and the gateway, as far as they can hurt."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.core.events import QueueRecord
from chalicelib.core.jobs import QueueDepth, encode
from chalicelib.core.ports.poster import Reason, Report
from tests.faults.lambdas import announce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from chalicelib.core.jobs import Job
    from chalicelib.core.model import ConnectionId
    from chalicelib.core.ports.poster import ConnectionInfo, Post

DEDUPLICATION_SECONDS = 300
BATCH = 10


@dataclass(eq=False)
class Queued:
    """A message in the queue."""

    id: str
    group: str
    body: str
    sent_at: int
    received: int = 0
    visible: bool = True
    deleted: bool = False


class FifoQueue:
    """An SQS FIFO queue: deduplication, groups, visibility, and batches of several groups.

    Args:
        clock: seconds since 1970.
        window: messages among which it looks for some that may be handed out.
    """

    def __init__(self, clock: Callable[[], float], window: int = 120_000) -> None:
        self._clock = clock
        self._window = window
        self._sent: dict[tuple[str, str], float] = {}
        self._count = 0
        self.messages: list[Queued] = []

    def publish(self, job: Job) -> None:
        """See `JobQueue.publish`."""
        self._send(job)
        announce("SendMessage")

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue.publish_all`."""
        for job in jobs:
            self._send(job)
        announce("SendMessageBatch")

    def _send(self, job: Job) -> None:
        key = (job.room, job.id)
        if self._clock() - self._sent.get(key, -1e9) >= DEDUPLICATION_SECONDS:
            self._sent[key] = self._clock()
            self._count += 1
            self.messages.append(
                Queued(str(self._count), job.group, encode(job), int(self._clock() * 1000))
            )

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """See `JobQueue.dead_letter`; here every record is a job."""
        raise AssertionError(f"{record.body} was buried: {reason}")

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """See `JobQueue.delete`."""
        for message in self._of(records):
            message.deleted = True
        announce("DeleteMessageBatch")

    def delay(self, records: Sequence[QueueRecord], seconds: int) -> None:  # noqa: ARG002
        """See `JobQueue.delay`; here it is over at once, which is the hardest."""
        for message in self._of(records):
            message.visible = True
        announce("ChangeMessageVisibilityBatch")

    def waiting(self) -> QueueDepth:
        """See `JobQueue.waiting`."""
        held = len(self._live())
        announce("GetQueueAttributes")
        return QueueDepth(held, 0)

    def receive(self, most: int) -> list[QueueRecord]:
        """Hand out a batch: the front of groups that have nothing in flight, in order."""
        looked_at = self._live()[: self._window]
        held = {one.group for one in looked_at if not one.visible}
        batch = [one for one in looked_at if one.group not in held][:most]
        for message in batch:
            message.visible = False
            message.received += 1
        return [
            QueueRecord(
                message_id=one.id,
                receipt_handle=one.id,
                body=one.body,
                attributes={
                    "ApproximateReceiveCount": str(one.received),
                    "SentTimestamp": str(one.sent_at),
                },
            )
            for one in batch
        ]

    def time_out(self) -> None:
        """Let the visibility of everything in flight run out, whether its worker lives or not."""
        for message in self._live():
            message.visible = True

    def empty(self) -> bool:
        """Whether everything has been carried out."""
        return not self._live()

    def _live(self) -> list[Queued]:
        return [one for one in self.messages if not one.deleted]

    def _of(self, records: Sequence[QueueRecord]) -> list[Queued]:
        ids = {record.message_id for record in records}
        return [one for one in self.messages if one.id in ids]


@dataclass(eq=False)
class Socket:
    """One open WebSocket, and what has arrived on it but has not been read."""

    inbox: list[Any] = field(default_factory=list)


class Gateway:
    """`@connections`: delivers, answers 410, and fails as it is told to.

    Attributes:
        failures: what becomes of the next posts; the flag tells whether the frame arrives
            although the answer says that it did not.
        on_message: is told of every numbered message that a socket is sent.
    """

    def __init__(self, on_message: Callable[[ConnectionId, Any], None]) -> None:
        self.sockets: dict[ConnectionId, Socket] = {}
        self.failures: list[tuple[Reason, bool]] = []
        self._on_message = on_message

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002 - in time
        """See `Poster.post`."""
        report = Report()
        outcomes: defaultdict[ConnectionId, Reason | None] = defaultdict(lambda: None)
        for connection_id, frame in posts:
            if outcomes[connection_id] is None:
                outcomes[connection_id] = self._send(connection_id, frame)
                report.posts += 1
                announce("POST")
        for connection_id, reason in outcomes.items():
            report.add(connection_id, reason)
        return report

    def close(self, connection_id: ConnectionId, deadline: float) -> Reason | None:  # noqa: ARG002 - in time
        """See `Manager.close`."""
        announce("DELETE")
        return None if self.sockets.pop(connection_id, None) else Reason.GONE

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:  # noqa: ARG002 - in time
        """See `Manager.info`; nobody has so many connections here that one is asked after."""
        raise AssertionError(f"{connection_id} is asked after")

    def _send(self, connection_id: ConnectionId, frame: bytes) -> Reason | None:
        socket = self.sockets.get(connection_id)
        if socket is None:
            return Reason.GONE
        reason, arrives = self.failures.pop() if self.failures else (None, True)
        if arrives:
            content = json.loads(frame)
            for one in content if isinstance(content, list) else [content]:
                if one["type"] == "message":
                    self._on_message(connection_id, one)
                socket.inbox.append(one)
        return reason
