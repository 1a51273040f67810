"""Usage of a workload with Fanfare, and with the algorithm that most samples have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from chalicelib.core.ports.store import HISTORY_LIFE
from chalicelib.core.protocol.bounds import FRAME_LIMIT
from chalicelib.core.shards import LEVELS, PARTS
from chalicelib.service.presence import PRESENCE_LIMIT
from planning import quotas
from planning.cost.prices import Use
from planning.cost.sharing import posts_per_delivered
from planning.cost.usage import (
    Usage,
    charge_units,
    functions,
    keep_alive,
    logs,
    table,
    talk,
    transfer,
)
from planning.simulation.arithmetic import level_of, linger, split

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planning.cost.prices import PriceList
    from planning.cost.workload import Workload

ENVELOPE: Final = 240
"""Bytes of a message object around its text."""

ITEM: Final = 212
"""Bytes of a message's item around its text; the table adds 100 to what it stores."""

NOTICE: Final = 200
"""Bytes of a frame that is no message: `pong`, `joined`, `presence`."""


def fanfare(load: Workload, prices: PriceList) -> list[Use]:
    """Return what Fanfare uses in a month."""
    room = Room(load, prices)
    notices = keep_alive_notices(load) + load.rooms * room.presence_posts * load.seconds
    stored = load.messages / quotas.MONTH * HISTORY_LIFE * (load.size + ITEM + 100)
    uses = [
        *keep_alive(load.open, load.seconds),
        *talk(room.usage, load.rooms * load.seconds),
        *_coming_and_going(load, room),
        Use(
            "sqs.fifo", "polls of an empty queue", quotas.POLLERS * quotas.MONTH / quotas.LONG_POLL
        ),
        Use("dynamodb.storage", "history", stored / 2**30),
        transfer(delivered_bytes(load) + notices * NOTICE),
    ]
    return [*uses, _logs(uses, load, room.usage)]


def plain(load: Workload, prices: PriceList) -> list[Use]:
    """Return what is used by one post for each message and member, without rooms' guarantees.

    A function queues the message; another one queries the members and posts with boto3. Nothing is
    numbered or kept; connections are stored, and ping, as with Fanfare.
    """
    usage = Usage(
        messages=load.rate * prices["gateway.messages"].units(load.size + ENVELOPE),
        posts=load.rate * load.members * prices["gateway.messages"].units(load.size + ENVELOPE),
        message_seconds=load.rate * quotas.QUEUE_CALL,
        broadcasts=load.rate,
        broadcast_seconds=load.rate * (quotas.TABLE_CALL + load.members * quotas.PLAIN_POST),
        queue_requests=load.rate * 3 * prices["sqs.standard"].units(load.size + ENVELOPE),
        read_units=load.rate * member_units(load.members) / 2,
    )
    uses = [
        *keep_alive(load.open, load.seconds),
        *talk(usage, load.rooms * load.seconds, queue="sqs.standard"),
        *functions(
            requests=2 * load.connects,
            gb_seconds=2 * load.connects * quotas.TABLE_CALL * quotas.MESSAGE_GB,
        ),
        *table(reads=0, writes=2 * load.connects),
        transfer(delivered_bytes(load) + keep_alive_notices(load) * NOTICE),
    ]
    return [*uses, _logs(uses, load, usage)]


@dataclass(frozen=True)
class Room:
    """Events in a room of a workload, in each of its seconds."""

    load: Workload
    prices: PriceList

    @cached_property
    def changes(self) -> float:
        """Joins and leaves a second."""
        there = self.load.open * self.load.seconds
        return 2 * self.load.members * self.load.connects / there if there else 0.0

    @cached_property
    def events(self) -> float:
        """Messages and, in a small room, news of joins and leaves that are queued a second."""
        return self.load.rate + (self.changes if self.load.members <= PRESENCE_LIMIT else 0.0)

    @cached_property
    def share(self) -> float:
        """Posts that an event takes for each member."""
        return posts_per_delivered(self.load.members, self.events)

    @property
    def presence_posts(self) -> float:
        """Frames a second that tell only of joins and leaves."""
        return (self.events - self.load.rate) * self.load.members * self.share

    @property
    def batches(self) -> float:
        """Invocations of the room's first worker, a second."""
        return self.events * self.share

    @cached_property
    def level(self) -> int:
        """The level of the shards that the members lie in, once the first ones have gone."""
        return level_of(self.load.members)

    @property
    def parts(self) -> int:
        """Number of parts of the members that have versions of their own."""
        return len(LEVELS[self.level]) * PARTS if self.level else 1

    @property
    def readings(self) -> float:
        """Reads of a part of the members a second: one after each of its changes, if needed."""
        return min(self.changes, self.batches * self.parts)

    @property
    def member_reads(self) -> float:
        """The read units of reading parts of the members."""
        return self.readings * member_units(self.load.members / self.parts)

    @property
    def usage(self) -> Usage:
        """Usage of messages and news, but for the posts of the news."""
        load, prices = self.load, self.prices
        size, gathered = load.size + ENVELOPE, 1 / self.share
        frames = max(self.share, 1 / max(1, FRAME_LIMIT // size))
        leaves, forks = _tree(load.members)
        received = prices["sqs.fifo"].units(size * gathered)
        accepting = 2 * quotas.TABLE_CALL + quotas.QUEUE_CALL
        # Each container looks at the head of a room that it takes messages for once a second.
        heads = min(load.rate, max(1.0, load.rooms * load.rate * accepting)) / 2
        # Each leaf reads the states of the shards that its members may lie in.
        states = sum(max(leaves, len(level)) for level in LEVELS[1 : self.level + 1])
        return Usage(
            messages=load.rate * prices["gateway.messages"].units(size),
            posts=load.rate * load.members * frames,
            message_seconds=load.rate * accepting,
            broadcasts=self.batches * (leaves + forks),
            broadcast_seconds=self.batches * self._batch_seconds(round(gathered))
            + self.readings * (quotas.TABLE_CALL + load.members / self.parts * quotas.MEMBER_READ),
            # Each batch is received and deleted; a fork sends jobs, which are batches as well.
            queue_requests=self.events * prices["sqs.fifo"].units(size)
            + self.batches * (1 + received)
            + self.batches * (forks + 2 * (leaves + forks - 1)) * received,
            read_units=heads + load.rate + self.batches * (1 + states) + self.member_reads,
            # A message charges its sender, and is kept with its key; a batch moves the head.
            write_units=load.rate
            * (
                charge_units(load.rate / load.members)
                + prices["dynamodb.writes"].units(load.size + ITEM)
                + 1
                + self.share
            ),
        )

    def _batch_seconds(self, jobs: int) -> float:
        """Return for how long all workers of a batch run, but for reading members."""
        leaves, forks = _tree(self.load.members)
        return (
            3 * quotas.TABLE_CALL
            + linger(self.load.members, 1, jobs)
            + forks * quotas.QUEUE_CALL
            + leaves * (quotas.POST_SECONDS + (self.level > 0) * quotas.TABLE_CALL)
            + self.load.members / quotas.ENGINE_RATE
        )


def member_units(members: float) -> float:
    """Return the read units of reading so many members consistently."""
    return members * quotas.MEMBER_BYTES / quotas.READ_UNIT_BYTES


def delivered_bytes(load: Workload) -> float:
    """Return the bytes of all message objects that clients get in a month."""
    return load.deliveries * (load.size + ENVELOPE)


def keep_alive_notices(load: Workload) -> float:
    """Return how many pongs clients get in a month."""
    return load.open * load.seconds / quotas.PING_SECONDS


def _logs(uses: list[Use], load: Workload, usage: Usage) -> Use:
    broadcasts = usage.broadcasts * load.rooms * load.seconds
    return logs(uses, pings=keep_alive_notices(load), broadcasts=broadcasts)


def _coming_and_going(load: Workload, room: Room) -> Iterator[Use]:
    """Yield what connecting, joining and disconnecting use in a month, and the news of it."""
    joins = load.connects * load.rooms * load.members / load.open if load.open else 0.0
    yield Use("gateway.messages", "joins", 2 * joins)
    yield Use(
        "gateway.messages", "posts of presence", load.rooms * room.presence_posts * load.seconds
    )
    # Handshake: look at the user, keep the connection. Join: be charged, look for sanctions, put
    # the member, change its shard, let the connection speak, look again; read the head above the
    # lowest level.
    join_calls = 6 + (room.level > 0)
    join_seconds = join_calls * quotas.TABLE_CALL + quotas.QUEUE_CALL + quotas.POST_SECONDS
    # Delete the connection, look for its places, delete the member, change the shard, and delete
    # the rest.
    leave_seconds = 5 * quotas.TABLE_CALL + quotas.QUEUE_CALL
    yield from functions(
        requests=2 * load.connects + joins,
        gb_seconds=quotas.MESSAGE_GB
        * (load.connects * (2 * quotas.TABLE_CALL + leave_seconds) + joins * join_seconds),
    )
    # A connection and its entry are put and deleted. A join charges its frame, and writes place,
    # member, shard or head, and connection; a leave writes the first three again. The handshake
    # reads the user, a join the sanctions twice and what was missed, a disconnect the places.
    reads = 3 + (room.level > 0)
    yield from table(
        reads=2 * load.connects + reads * joins, writes=4 * load.connects + (5 + 3) * joins
    )


def _tree(members: int) -> tuple[int, int]:
    """Return how many leaves a room's tree of workers has, and how many forks."""
    parts = split(members)
    if not parts:
        return 1, 0
    below = [_tree(part) for part in parts]
    return sum(leaves for leaves, _ in below), 1 + sum(forks for _, forks in below)
