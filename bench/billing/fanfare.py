"""What a workload uses with Fanfare, and with the algorithm that most samples have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from bench import quotas
from bench.billing.prices import Use
from bench.billing.sharing import posts_per_delivered
from bench.billing.usage import Usage, functions, keep_alive, logs, table, talk, transfer
from bench.simulation.arithmetic import linger, split
from chalicelib.protocol.limits import FRAME_LIMIT
from chalicelib.service.presence import PRESENCE_LIMIT
from chalicelib.store.port import HISTORY_LIFE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.billing.prices import PriceList
    from bench.billing.workload import Workload

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
    """What goes on in a room of a workload, in each of its seconds."""

    load: Workload
    prices: PriceList

    @cached_property
    def changes(self) -> float:
        """How often somebody comes or goes."""
        there = self.load.open * self.load.seconds
        return 2 * self.load.members * self.load.connects / there if there else 0.0

    @cached_property
    def events(self) -> float:
        """How many messages and, in a small room, news of comings and goings are queued."""
        return self.load.rate + (self.changes if self.load.members <= PRESENCE_LIMIT else 0.0)

    @cached_property
    def share(self) -> float:
        """How many posts an event takes for each member."""
        return posts_per_delivered(self.load.members, self.events)

    @property
    def presence_posts(self) -> float:
        """How many frames tell only who comes and goes."""
        return (self.events - self.load.rate) * self.load.members * self.share

    @property
    def batches(self) -> float:
        """How often the room's first worker is invoked."""
        return self.events * self.share

    @property
    def readings(self) -> float:
        """How often the members are read: once after each change, if there is anything to tell."""
        return min(self.changes, self.batches)

    @property
    def usage(self) -> Usage:
        """What messages and news use, but for the posts of the news."""
        load, prices = self.load, self.prices
        size, gathered = load.size + ENVELOPE, 1 / self.share
        frames = max(self.share, 1 / max(1, FRAME_LIMIT // size))
        leaves, forks = _tree(load.members)
        received = prices["sqs.fifo"].units(size * gathered)
        return Usage(
            messages=load.rate * prices["gateway.messages"].units(size),
            posts=load.rate * load.members * frames,
            message_seconds=load.rate * (quotas.TABLE_CALL + quotas.QUEUE_CALL),
            broadcasts=self.batches * (leaves + forks),
            broadcast_seconds=self.batches * self._batch_seconds(round(gathered))
            + self.readings * (leaves * quotas.TABLE_CALL + load.members * quotas.MEMBER_READ),
            # Each batch is received and deleted; a fork sends jobs, which are batches as well.
            queue_requests=self.events * prices["sqs.fifo"].units(size)
            + self.batches * (1 + received)
            + self.batches * (forks + 2 * (leaves + forks - 1)) * received,
            read_units=load.rate + self.batches + self.readings * member_units(load.members),
            write_units=load.rate
            * (2 * self.share + prices["dynamodb.writes"].units(load.size + ITEM)),
        )

    def _batch_seconds(self, jobs: int) -> float:
        """Return for how long all workers of a batch run, but for reading members."""
        leaves, forks = _tree(self.load.members)
        return (
            3 * quotas.TABLE_CALL
            + linger(self.load.members, 1, jobs)
            + forks * quotas.QUEUE_CALL
            + leaves * quotas.POST_SECONDS
            + self.load.members / quotas.ENGINE_RATE
        )


def member_units(members: int) -> float:
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
    join_seconds = 4 * quotas.TABLE_CALL + quotas.QUEUE_CALL + quotas.POST_SECONDS
    leave_seconds = 3 * quotas.TABLE_CALL + quotas.QUEUE_CALL
    yield from functions(
        requests=2 * load.connects + joins,
        gb_seconds=quotas.MESSAGE_GB
        * (load.connects * (quotas.TABLE_CALL + leave_seconds) + joins * join_seconds),
    )
    # A connection is put and deleted; a membership is listed, put and deleted, and changes the head
    # of its room, of two units, twice. A join reads the connection, and what was missed.
    yield from table(reads=2 * joins, writes=2 * load.connects + 7 * joins)


def _tree(members: int) -> tuple[int, int]:
    """Return how many leaves a room's tree of workers has, and how many forks."""
    parts = split(members)
    if not parts:
        return 1, 0
    below = [_tree(part) for part in parts]
    return sum(leaves for leaves, _ in below), 1 + sum(forks for _, forks in below)
