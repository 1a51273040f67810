"""A message's way: gateway, message function, queue, broadcast function, gateway, receivers."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from chalicelib.core.shards import LEVELS
from planning import quotas
from planning.simulation.arithmetic import level_of, linger, queue_latency, split
from planning.simulation.buckets import Bucket, Gateway
from planning.simulation.lambdas import Concurrency, Container, Function
from planning.simulation.queue import Job, Queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simpy import Environment

    from planning.simulation.lambdas import Process


@dataclass(frozen=True)
class World:
    """Assumptions about AWS, where it documents nothing or lets one choose.

    Attributes:
        quota: requests a second of the account; the burst is half a second's worth.
        warm: whether containers are there already, with their sockets and members.
        together: groups in one batch of the queue, at most.
        pollers: batches of the queue under way at a time, at first.
        queue_seconds: from sending to the queue to the handler; None for what was published of AWS.
        linger: whether a busy room is kept locked for a moment.
        seed: of the queue's latencies.
    """

    quota: float = quotas.GATEWAY_RATE
    warm: bool = True
    together: int = quotas.BATCH
    pollers: int = quotas.POLLERS
    queue_seconds: float | None = None
    linger: bool = True
    seed: int = 1


KIND: Final = World(together=1, pollers=quotas.MOST_POLLERS)
"""Everything is there already, and each job gets a worker of its own at once."""

HARSH: Final = World(warm=False, together=1)
"""Nothing has run for a while, and five workers have to do until there are more."""


@dataclass(frozen=True)
class Delivery:
    """One frame that has reached some members.

    Attributes:
        first: when the first of them had it; the others followed evenly until `last`.
        sent: when each message in it left its sender.
    """

    first: float
    last: float
    members: int
    sent: tuple[float, ...]


class Path:
    """Everything between senders and receivers.

    Attributes:
        deliveries: what has arrived.
        longest_read: how long a worker waited for the table's partition, in seconds.
        longest_post: how long a worker posted, in seconds.
        read_units: of the table, and likewise `write_units`.
    """

    def __init__(self, env: Environment, world: World, connections: int) -> None:
        self.deliveries: list[Delivery] = []
        self.messages = 0
        self.read_units = 0.0
        self.write_units = 0.0
        self.longest_read = 0.0
        self.longest_post = 0.0
        self.gateway = Gateway(
            env,
            # A ping and its pong from every connection; what is left is for messages.
            rate=max(1.0, world.quota - 2 * connections / quotas.PING_SECONDS),
            burst=world.quota * quotas.GATEWAY_BURST / quotas.GATEWAY_RATE,
            pace=quotas.ENGINE_RATE,
            share=quotas.THROTTLED_SHARE,
        )
        self.concurrency = Concurrency(env)
        self.message = Function(env, self.concurrency, warm=world.warm)
        self.broadcast = Function(env, self.concurrency, warm=world.warm)
        chance = Random(world.seed)  # noqa: S311 - a simulation's chances, not a secret
        fixed = world.queue_seconds
        self.queue = Queue(
            env,
            self._consume,
            lambda: queue_latency(chance.random()) if fixed is None else fixed,
            world.together,
            world.pollers,
        )
        self._env = env
        self._linger = world.linger
        self._partitions: defaultdict[str, Bucket] = defaultdict(
            lambda: Bucket(quotas.PARTITION_READ_UNITS, quotas.PARTITION_READ_UNITS)
        )

    def say(self, room: int, members: int) -> Process:
        """Send a message to a room of so many members."""
        sent = self._env.now
        self.messages += 1
        yield self.gateway.take(1)
        yield self._env.timeout(quotas.INVOKE)
        job = Job(room, str(room), members, (sent,), fresh=True)
        yield from self.message.run(lambda _: self._accept(job))

    def _accept(self, job: Job) -> Process:
        yield self._env.timeout(2 * quotas.TABLE_CALL)
        # The sender is charged, and what it saved in a silence is cut; the head is read.
        self.write_units += 2
        self.read_units += 0.5
        # Published latencies of the queue begin with this call.
        self.queue.send([job])
        yield self._env.timeout(quotas.QUEUE_CALL)

    def _consume(self, batch: Sequence[Job]) -> Process:
        yield from self.broadcast.run(lambda container: self._tell(batch, container))

    def _tell(self, batch: Sequence[Job], container: Container) -> Process:
        groups: dict[str, list[Job]] = {}
        for job in batch:
            groups.setdefault(job.group, []).append(job)
        for jobs in groups.values():
            yield from self._serve(jobs, container)
        # Only where numbers are given; the leaves of a tree would hold pollers up.
        if self._linger and batch[-1].fresh:
            yield self._env.timeout(linger(batch[-1].members, len(groups), len(batch)))

    def _serve(self, jobs: Sequence[Job], container: Container) -> Process:
        if jobs[0].fresh:
            yield self._env.timeout(3 * quotas.TABLE_CALL)
            self.read_units += 1 + len(jobs)
            self.write_units += 1 + 2 * len(jobs)
        last = jobs[-1]
        sent = tuple(time for job in jobs for time in job.sent)
        parts = split(last.members)
        if parts:
            yield self._env.timeout(quotas.QUEUE_CALL)
            self.queue.send(
                [
                    Job(last.room, f"{last.group}/{number}", members, sent, fresh=False)
                    for number, members in enumerate(parts)
                ]
            )
        else:
            yield from self._post(last, sent, container)

    def _post(self, job: Job, sent: tuple[float, ...], container: Container) -> Process:
        if not job.fresh or level_of(job.members):
            # The states of the shards that the members lie in, one or two for a leaf of many.
            yield self._env.timeout(quotas.TABLE_CALL)
            self.read_units += len(LEVELS[1]) if job.fresh else 2
        if container.learn(job.group):
            yield from self._read(job)
        yield self._env.timeout(quotas.HANDSHAKE * container.open_sockets(job.members))
        began = self._env.now
        yield self.gateway.take(job.members)
        self.longest_post = max(self.longest_post, self._env.now - began)
        yield self._env.timeout(quotas.POST_SECONDS)
        self.deliveries.append(
            Delivery(began + quotas.POST_SECONDS, self._env.now, job.members, sent)
        )

    def _read(self, job: Job) -> Process:
        units = job.members * quotas.MEMBER_BYTES / quotas.READ_UNIT_BYTES
        self.read_units += units
        # Each shard has a partition of its own; the leaves of a very large room share one by tens.
        shard = "/".join(job.group.split("/")[: len(LEVELS)])
        wait = self._partitions[shard].wait(units, self._env.now)
        self.longest_read = max(self.longest_read, wait)
        yield self._env.timeout(wait + quotas.TABLE_CALL + job.members * quotas.MEMBER_READ)
