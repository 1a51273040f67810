"""Runs of a load through the simulated path, and their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from simpy import Environment

from planning import quotas
from planning.cost.pricelist import standard
from planning.cost.prices import bill, total
from planning.cost.usage import Usage, keep_alive, talk
from planning.simulation.arithmetic import percentile
from planning.simulation.path import Path, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planning.simulation.lambdas import Process
    from planning.simulation.path import Delivery

SAMPLES: Final = 10
"""Receivers of a frame whose delay is looked at, evenly spread from the first to the last."""

DEADLINE: Final = 0.8 * 30
"""Seconds after which a worker stops posting, and leaves the rest to a retry."""

SETTLED: Final = 0.5
"""Share of the time after which messages are looked at; before, the queue's pollers are few."""

NOTABLE: Final = 0.2
"""Share of the whole time from which a wait is called what holds a load up."""


@dataclass(frozen=True)
class Load:
    """A load: the clients, and what they send.

    Attributes:
        members: of each room; everyone is in one room.
        rate: messages a second to each room; 0 for one message in all.
        seconds: for how long messages are sent.
    """

    members: int
    rooms: int = 1
    rate: float = 0.0
    seconds: float = 20.0

    @property
    def connections(self) -> int:
        """Number of clients."""
        return self.members * self.rooms


@dataclass(frozen=True)
class Outcome:
    """Outcome of a load.

    Attributes:
        first: seconds from the first message's sending to its first receiver.
        last: seconds from the last message's sending until all is delivered.
        p50: seconds from a message's sending to a receiver, and likewise `p99`.
        posts_per_delivered: frames posted for each message that a receiver got.
        peak: Lambda invocations at a time, at most.
        queue_wait: seconds at most that a room with something to tell waited for a poller.
        throttled: seconds in which the account's quota held posts up.
        late: whether a worker would have had to give up and leave posts to a retry.
        binds: what held the load up most; empty if nothing did.
        connections: how many were open.
        usage: what a second of it used.
    """

    first: float
    last: float
    p50: float
    p99: float
    posts: int
    posts_per_delivered: float
    peak: int
    queue_wait: float
    throttled: float
    late: bool
    binds: str
    connections: int
    usage: Usage

    @property
    def dollars(self) -> float:
        """Cost of a month of it, without data transfer, logs, joins and leaves."""
        month = quotas.MONTH
        uses = [*keep_alive(self.connections, month), *talk(self.usage, month)]
        return total(bill(uses, standard()))


def run(load: Load, world: World) -> Outcome:
    """Simulate a load until everything is delivered."""
    env = Environment()
    path = Path(env, world, load.connections)
    chance = Random(world.seed)  # noqa: S311 - a simulation's chances, not a secret
    for room in range(load.rooms if load.rate else 1):
        env.process(_talk(env, path, load, room, chance.random()))
    env.run()
    return _outcome(path, load)


def _talk(env: Environment, path: Path, load: Load, room: int, phase: float) -> Process:
    """Send a room's messages at even intervals; rooms do so at different times."""
    if not load.rate:
        env.process(path.say(room, load.members))
        return
    yield env.timeout(phase / load.rate)
    while env.now < load.seconds:
        env.process(path.say(room, load.members))
        yield env.timeout(1 / load.rate)


def _outcome(path: Path, load: Load) -> Outcome:
    settled = SETTLED * load.seconds if load.rate else 0.0
    counted = [delivery for delivery in path.deliveries if delivery.sent[0] >= settled]
    delays = [sample for delivery in counted for sample in _delays(delivery)]
    delivered = sum(delivery.members * len(delivery.sent) for delivery in counted)
    begun = min(delivery.sent[0] for delivery in path.deliveries)
    end = max(delivery.last for delivery in path.deliveries)
    last = end - max(delivery.sent[-1] for delivery in path.deliveries)
    posts = sum(delivery.members for delivery in path.deliveries)
    return Outcome(
        first=min(delivery.first for delivery in path.deliveries) - begun,
        last=last,
        p50=percentile(delays, 0.5),
        p99=percentile(delays, 0.99),
        posts=posts,
        posts_per_delivered=sum(delivery.members for delivery in counted) / delivered,
        peak=path.concurrency.peak,
        queue_wait=path.queue.longest_wait,
        throttled=path.gateway.throttled_seconds,
        late=path.longest_post > DEADLINE,
        binds=_binds(path, load, end - begun, last),
        connections=load.connections,
        usage=_usage(path, posts, max(load.seconds, end) if load.rate else end),
    )


def _delays(delivery: Delivery) -> Iterator[tuple[float, float]]:
    """Yield the delays of some receivers, each with how many it stands for."""
    for sent in delivery.sent:
        for number in range(SAMPLES):
            place = (number + 0.5) / SAMPLES
            at = delivery.first + (delivery.last - delivery.first) * place
            yield at - sent, delivery.members / SAMPLES


def _binds(path: Path, load: Load, seconds: float, last: float) -> str:
    """Name what held a load up; of several, what is closest to the receivers holds up the rest."""
    enough = NOTABLE * seconds
    if path.gateway.throttled_seconds > enough:
        return "gateway quota"
    if path.longest_read > enough:
        return "table partition"
    if path.concurrency.longest_wait > enough:
        return "Lambda concurrency"
    if path.queue.longest_wait > enough:
        return "queue pollers"
    return "room order" if load.rate and last > enough else ""


def _usage(path: Path, posts: int, seconds: float) -> Usage:
    return Usage(
        messages=path.messages / seconds,
        posts=posts / seconds,
        message_seconds=path.message.seconds / seconds,
        broadcasts=path.broadcast.invocations / seconds,
        broadcast_seconds=path.broadcast.seconds / seconds,
        queue_requests=path.queue.requests / seconds,
        read_units=path.read_units / seconds,
        write_units=path.write_units / seconds,
    )
