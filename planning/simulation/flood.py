"""Floods: the real use cases on AWS as it is simulated, beside a pair that talks."""

from __future__ import annotations

import base64
import itertools
import json
import uuid
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from simpy import Environment

from bench.load.flood_scenes import INTERVAL, SCENES, Flood, Row, Talk, row
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.errors import FrameError
from chalicelib.core.events import QueueEvent, QueueRecord
from chalicelib.core.jobs import encode
from chalicelib.core.model import ApiStage, Connection, ConnectionId, Protocol, RoomId, User, UserId
from chalicelib.core.ports.poster import ManagementApi, Report
from chalicelib.core.protocol import Say, Signal
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from planning import quotas
from planning.simulation.arithmetic import queue_latency
from planning.simulation.blocking import blocking, wait
from planning.simulation.buckets import Bucket
from planning.simulation.queue import Queue
from planning.simulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from bench.load.flood_scenes import Scene
    from chalicelib.core.jobs import Job
    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.meter import Metric
    from chalicelib.core.ports.poster import Post
    from chalicelib.service.broadcast import BroadcastHandler
    from planning.simulation.lambdas import Process
    from planning.simulation.path import World

START: Final = 1_790_000_000.0
QUIET: Final = RoomId("quiet")
FLOODED: Final = RoomId("flooded")
ORIGIN: Final = ApiStage("a1b2c3d4e5", "api")
REMAINING: Final = 30.0
SIMULATED: Final = tuple(name for name, scene in SCENES.items() if scene.beside)
"""The scenes that are simulated: connections that are closed and come again are not."""


@dataclass(frozen=True)
class _Record:
    """A job in the queue."""

    group: str
    body: str
    sent_at: float


class _Meter:
    """A meter that nobody reads."""

    def count(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None:
        """See `Meter.count`."""

    def note(self, **fields: str | float | None) -> None:
        """See `Meter.note`."""

    def swallow(self, task: str, error: Exception) -> None:
        """See `Meter.swallow`; nothing is to fail here."""
        raise RuntimeError(task) from error


class _Outbox:
    """a job queue on the simulated queue."""

    def __init__(self, queue: Queue[_Record], clock: Callable[[], float]) -> None:
        self._queue = queue
        self._clock = clock

    def publish(self, job: Job) -> None:
        """See `JobQueue.publish`."""
        self.publish_all([job])

    def publish_all(self, jobs: Sequence[Job]) -> None:
        """See `JobQueue.publish_all`."""
        self._queue.send([_Record(job.group, encode(job), self._clock()) for job in jobs])
        wait(quotas.QUEUE_CALL)


@dataclass
class _Member:
    """A connection in a room.

    Attributes:
        heard: told of each object that arrives; None if nobody looks.
    """

    connection: Connection
    heard: Callable[[Any], None] | None = None


class _Poster:
    """Posts in simulated time, within the account's quota."""

    def __init__(self, env: Environment, members: dict[ConnectionId, _Member]) -> None:
        self.requests = Bucket(quotas.GATEWAY_RATE, quotas.GATEWAY_BURST)
        self._env = env
        self._members = members

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002 - is not met
        """See `Poster.post`."""
        sent = list(posts)
        receivers = {receiver for receiver, _ in sent}
        wait(self.requests.wait(len(sent), self._env.now) + len(sent) / quotas.ENGINE_RATE)
        wait(quotas.POST_SECONDS)
        for receiver, text in sent:
            if heard := self._members[receiver].heard:
                content = json.loads(text)
                for one in content if isinstance(content, list) else [content]:
                    heard(one)
        return Report(delivered=receivers, posts=len(sent))


class _MessageContainer:
    """One container of the message function."""

    def __init__(self, aws: _Aws) -> None:
        use_cases = aws.use_cases()
        self._rate_limiter = use_cases.rate_limiter
        self._sender = use_cases.message_sender

    def receive(self, sender: ConnectionId, request: Say | Signal) -> None:
        """Take a frame; raises as `MessageHandler` answers."""
        connection = self._rate_limiter.admit(sender, request)
        if isinstance(request, Say):
            self._sender.say(connection, request)
        else:
            self._sender.signal(connection, request)


class _Aws:
    """The gateway, the functions, the queue and the table."""

    def __init__(self, env: Environment, world: World) -> None:
        self.env = env
        self.table = Table(self.clock, lambda: wait(quotas.TABLE_CALL))
        self.members: dict[ConnectionId, _Member] = {}
        self._poster = _Poster(env, self.members)
        self._chance = Random(world.seed)  # noqa: S311 - a simulation's chances, not a secret
        self._queue: Queue[_Record] = Queue(
            env,
            self._consume,
            lambda: queue_latency(self._chance.random()),
            world.together,
            world.pollers,
        )
        self.job_queue: Any = _Outbox(self._queue, self.clock)
        self._ids = itertools.count()
        # The container that ended last is used first.
        self._receivers: list[_MessageContainer] = []
        self._broadcasts: list[BroadcastHandler] = []

    def clock(self) -> float:
        """Return the seconds since 1970."""
        return START + self.env.now

    def new_id(self) -> str:
        """Return an id that was not there before."""
        return f"id-{next(self._ids)}"

    def store(self) -> DynamoStore:
        """Return a container's store."""
        return DynamoStore(cast("DynamoDBClient", self.table), "simulated", self.clock)

    def join(self, room: RoomId, user: UserId) -> _Member:
        """Let a connection in, and make it a member."""
        id_ = ConnectionId(base64.b64encode(self._chance.randbytes(11)).decode())
        person = User(user, "Ada Lovelace")
        now = round(self.clock() * 1000)
        connection = Connection(id_, person, Protocol.V1, now, ORIGIN)
        store = self.store()
        store.add(connection)
        store.join(connection, room)
        self.members[id_] = _Member(connection)
        return self.members[id_]

    def receive(self, sender: ConnectionId, request: Say | Signal, flood: Flood) -> None:
        """Take a frame from a client; count the refusal, if any."""
        wait(self._poster.requests.wait(1, self.env.now) + quotas.INVOKE)
        container = self._receivers.pop() if self._receivers else _MessageContainer(self)
        try:
            container.receive(sender, request)
        except FrameError as refusal:
            flood.answers[refusal.code] += 1
        self._receivers.append(container)

    def _consume(self, batch: Sequence[_Record]) -> Process:
        records = [
            QueueRecord(
                self.new_id(),
                "receipt",
                record.body,
                {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": str(round(record.sent_at * 1000)),
                },
            )
            for record in batch
        ]

        def serve() -> None:
            broadcast = self._broadcasts.pop() if self._broadcasts else self.use_cases().broadcast
            broadcast.handle(QueueEvent(records), REMAINING)
            self._broadcasts.append(broadcast)

        yield from blocking(self.env, serve)

    def use_cases(self) -> UseCases:
        """Return a new container's use cases."""
        adapters = Adapters(
            self.store(),
            self.job_queue,
            lambda _: cast("ManagementApi", self._poster),
            cast("Authenticator", None),
        )
        return UseCases(adapters, Runtime(_Meter(), self.clock, self.new_id, wait))


@dataclass(frozen=True)
class _Frames:
    """The frames of a connection, so many a second, each made when it is sent."""

    sender: ConnectionId
    request: Callable[[float], Say | Signal]
    rate: float
    phase: float = 0


def _message(room: RoomId, now: float) -> Say:
    return Say(message=str(now), room=room)


def _signal(room: RoomId, now: float) -> Signal:
    return Signal(data=msgspec.Raw(str(now).encode()), room=room)


@dataclass
class _Scene:
    """A pair that talks, and a flood beside it, if there is one."""

    aws: _Aws
    seconds: float
    flood: Flood = field(default_factory=Flood)
    talk: Talk = field(default_factory=Talk)
    waits: list[float] = field(default_factory=list)

    def play(self, scene: Scene | None) -> None:
        """Let everybody in, and then send all that is to be sent."""
        aws, env = self.aws, self.aws.env
        ada, bob = aws.join(QUIET, UserId("ada")), aws.join(QUIET, UserId("bob"))
        bob.heard = self._hear_pair
        talk = _Frames(ada.connection.id, partial(_message, QUIET), 1 / INTERVAL)
        env.process(self._send(talk, Flood()))
        if scene is None:
            return
        aws.join(FLOODED, UserId("eve")).heard = self._hear_flood
        flooders = [
            aws.join(FLOODED, UserId(str(uuid.UUID(int=user))))
            for user in range(scene.users)
            for _ in range(scene.connections)
        ]
        request = _signal if scene.action == "signal" else _message
        for number, flooder in enumerate(flooders):
            phase = number / len(flooders) / scene.rate
            frames = _Frames(flooder.connection.id, partial(request, FLOODED), scene.rate, phase)
            env.process(self._send(frames, self.flood))

    def _send(self, frames: _Frames, flood: Flood) -> Process:
        """Send frames at even intervals, whatever is answered."""
        env = self.aws.env
        yield env.timeout(frames.phase)
        for _ in range(round(self.seconds * frames.rate)):
            flood.sent += 1
            receive = partial(self.aws.receive, frames.sender, frames.request(env.now), flood)
            env.process(blocking(env, receive))
            yield env.timeout(1 / frames.rate)

    def _hear_pair(self, event: Any) -> None:
        if event["type"] == "message":
            self.talk.delays.append(self.aws.env.now - float(event["data"]["message"]))

    def _hear_flood(self, event: Any) -> None:
        if event["type"] == "message":
            self.waits.append(self.aws.env.now - float(event["data"]["message"]))
        elif event["type"] == "signal":
            self.waits.append(self.aws.env.now - float(event["data"]))


def simulate(scene: Scene, name: str, seconds: float, world: World) -> Row:
    """Simulate a scene in quiet and beside its flood, each until everything is delivered."""
    quiet, flooded = (_run(flood, seconds, world) for flood in (None, scene))
    return row(name, quiet.talk, flooded.talk, flooded.waits, flooded.flood)


def _run(scene: Scene | None, seconds: float, world: World) -> _Scene:
    env = Environment()
    played = _Scene(_Aws(env, world), seconds)
    env.process(blocking(env, lambda: played.play(scene)))
    env.run()
    return played
