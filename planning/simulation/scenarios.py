"""Loads of docs/scale.md, and the row of each."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median_low
from typing import TYPE_CHECKING, Any, Final

from planning import quotas
from planning.simulation.churn import Storm, churn, storm
from planning.simulation.path import HARSH, KIND, World
from planning.simulation.run import Load, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planning.simulation.churn import Peaks
    from planning.simulation.run import Outcome

    Row = dict[str, Any]

SEEDS: Final = range(1, 10)
"""One message meets the queue a few times only; the median of nine runs is shown."""

PUBLISH_MEMBERS: Final = (1_000, 10_000, 100_000, 1_000_000)
RAISED_QUOTA: Final = 100_000.0
SOON: Final = 5.0
"""Seconds in which the last of a large room should have a message."""

BUSY_MEMBERS: Final = (10, 100, 1_000)
BUSY_RATES: Final = (1, 10, 20, 50)
SMALL_ROOM: Final = 10
SMALL_ROOMS: Final = (100, 500, 800, 900, 1_000, 1_500)

LARGE_ROOM: Final = 100_000
STORMS: Final = (
    Storm(2_000, seconds=5, containers=100),
    Storm(2_000, seconds=5, containers=400),
    Storm(
        quotas.NEW_CONNECTIONS_PER_SECOND,
        seconds=2,
        containers=100,
        members=LARGE_ROOM,
        reconnects=True,
    ),
    Storm(2_000, seconds=2, containers=300, members=LARGE_ROOM, reconnects=True),
)

STAY: Final = 7_200.0
"""Seconds that a member stays on average: as long as the gateway lets a connection live."""

CHURN_MESSAGES: Final = 60
CHURN_CONTAINERS: Final = (1, 10)


def row(part: str, load: Load, world: World, outcome: Outcome, note: str = "") -> Row:
    """Return what came of a load, flat."""
    return {
        "part": part,
        "members": load.members,
        "rooms": load.rooms,
        "rate": load.rate,
        "quota": round(world.quota),
        "linger": world.linger,
        "world": note,
        "connect_s": round(load.connections / quotas.NEW_CONNECTIONS_PER_SECOND),
        "first_s": round(outcome.first, 3),
        "last_s": round(outcome.last, 3),
        "p50_ms": round(outcome.p50 * 1_000),
        "p99_ms": round(outcome.p99 * 1_000),
        "posts": outcome.posts,
        "posts_per_delivered": round(outcome.posts_per_delivered, 3),
        "throttled_s": round(outcome.throttled, 2),
        "queue_wait_s": round(outcome.queue_wait, 2),
        "lambda_peak": outcome.peak,
        "late": outcome.late,
        "binds": outcome.binds,
        "dollars_a_month": round(outcome.dollars) if load.rate else None,
    }


def typical(load: Load, world: World) -> Outcome:
    """Return the outcome of several runs whose last receiver came median."""
    outcomes = [run(load, replace(world, seed=seed)) for seed in SEEDS]
    median = median_low(outcome.last for outcome in outcomes)
    return next(outcome for outcome in outcomes if outcome.last == median)


def ask(load: Load, world: World, holds: Callable[[Outcome], bool]) -> int:
    """Return the quota to ask for, in whole thousands, so that a load does as it should.

    Raises:
        ValueError: no quota is enough.
    """
    low, high = 0, 1
    while not holds(run(load, replace(world, quota=high * 1_000.0))):
        low, high = high, high * 2
        if high > 1_000_000:
            raise ValueError(f"No quota is enough for {load}.")
    while high - low > 1:
        middle = (low + high) // 2
        if holds(run(load, replace(world, quota=middle * 1_000.0))):
            high = middle
        else:
            low = middle
    return high * 1_000


def publish() -> Iterator[Row]:
    """One message to one room, at the default quota and at ten times as much."""
    for members in PUBLISH_MEMBERS:
        load = Load(members)
        wanted = ask(load, KIND, lambda outcome: outcome.last <= SOON)
        for quota in (quotas.GATEWAY_RATE, RAISED_QUOTA):
            for name, world in (("kind", KIND), ("harsh", HARSH)):
                at = replace(world, quota=quota)
                yield row("publish", load, at, typical(load, at), name) | {"ask": wanted}


def busy() -> Iterator[Row]:
    """One room in which people talk, with the linger and without."""
    for members in BUSY_MEMBERS:
        for rate in BUSY_RATES:
            for linger in (True, False):
                load, world = Load(members, rate=rate), World(linger=linger)
                yield row("busy", load, world, run(load, world))


def many() -> Iterator[Row]:
    """More and more small rooms, each with a message a second."""
    for rooms in SMALL_ROOMS:
        load, world = Load(SMALL_ROOM, rooms, rate=1), World()
        yield row("many", load, world, run(load, world)) | {"ask": headroom(load)}


def storms() -> Iterator[Row]:
    """Clients who come all at once, to a new room, and again to a large one."""
    for load in STORMS:
        yield storm_row(load, storm(load))


def storm_row(load: Storm, peaks: Peaks) -> Row:
    """Return what a storm took of the table, flat."""
    writes, written_key = peaks.writes
    reads, read_key = peaks.reads
    return {
        "part": "storm",
        "members": load.members,
        "joins": load.joins,
        "containers": load.containers,
        "writes": round(writes),
        "written_key": written_key,
        "reads": round(reads),
        "read_key": read_key,
        "writes_per_client": round(peaks.writes_per_client, 1),
    }


def churns() -> Iterator[Row]:
    """A message a second to a large room, whose members come and go."""
    for containers in CHURN_CONTAINERS:
        reading = churn(LARGE_ROOM, STAY, CHURN_MESSAGES, containers)
        yield {
            "part": "churn",
            "members": LARGE_ROOM,
            "rate": 1,
            "containers": containers,
            "reread": round(reading.reread, 3),
            "reads_per_message": round(reading.units),
        }


def headroom(load: Load) -> int:
    """Return a quota, in whole thousands, that a load uses to four fifths if nothing is shared.

    Messages in, posts out, and a ping with its pong from everyone.
    """
    messages = load.rooms * load.rate
    pings = load.connections / quotas.PING_SECONDS
    return math.ceil((messages * (1 + load.members) + 2 * pings) / 0.8 / 1_000) * 1_000
