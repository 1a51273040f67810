"""Many who come and go: the real use cases, on a table that counts units by partition key."""

from __future__ import annotations

import base64
import itertools
import uuid
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final, cast

from simpy import Environment

from chalicelib.adapters.dynamodb.items import (
    connection_expiry,
    connection_item,
    head_key,
    member_item,
    place_key,
    shard_key,
    user_connection_item,
)
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Protocol,
    RoomId,
    User,
    UserId,
    room_digest,
)
from chalicelib.core.ports.store import HEAD_LIFE
from chalicelib.core.protocol import Join
from chalicelib.core.shards import LEVELS
from chalicelib.service.member_cache import MemberCache
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from planning import quotas
from planning.simulation.blocking import blocking, wait
from planning.simulation.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.meter import Metric
    from planning.simulation.table import Item

ROOM: Final = RoomId("general")
START: Final = 1_790_000_000.0
LAST_LEVEL: Final = len(LEVELS) - 1
"""Level of all members of a large room, once those who came first have gone."""


@dataclass(frozen=True)
class Storm:
    """Clients who all come at once.

    Attributes:
        joins: of the room a second.
        seconds: for which they come.
        containers: of the message function; each knows nothing of the room at first.
        members: that the room has before; 0 for a new one.
        reconnects: whether each has been a member, and is forgotten a moment before it comes again.
    """

    joins: float
    seconds: float
    containers: int
    members: int = 0
    reconnects: bool = False


@dataclass(frozen=True)
class Peaks:
    """Usage of the table by a storm.

    Attributes:
        joined: how many joined a second, from the first to the last.
        writes: write units of the partition key that took the most in any second, and the key.
        reads: read units likewise.
        writes_per_client: write units for each who came.
    """

    joined: float
    writes: tuple[float, str]
    reads: tuple[float, str]
    writes_per_client: float


@dataclass(frozen=True)
class Reading:
    """Usage of the table by telling messages to a large room.

    Attributes:
        reread: share of the leaves' messages for which a leaf read members again.
        units: read units of all leaves of the room, for each message.
    """

    reread: float
    units: float


class _Silence:
    """a job queue and a meter that nobody listens to."""

    def publish(self, job: object) -> None:
        """See `JobQueue`."""

    def count(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None:
        """See `Meter`."""


class _Container:
    """One container's use cases, which know nothing of any room yet."""

    def __init__(self, table: Table, clock: Callable[[], float]) -> None:
        silence: Any = _Silence()
        self._store = _store(table, clock)
        adapters = Adapters(self._store, silence, silence, silence)
        self._use_cases = UseCases(adapters, Runtime(silence, clock))

    def come(self, connection: Connection) -> None:
        """Connect and join the room."""
        self._store.account(connection.user.user_id)
        self._store.add(connection)
        request = Join(room=ROOM)
        admitted = self._use_cases.rate_limiter.admit(connection.id, request)
        self._use_cases.membership.join(admitted, request)

    def go(self, connection: Connection) -> None:
        """Disconnect."""
        self._use_cases.notifier.left(self._store.forget(connection.id))


def storm(load: Storm) -> Peaks:
    """Let clients come, and return what the hottest partition keys took."""
    env = Environment()

    def clock() -> float:
        return START + env.now

    table = Table(clock, lambda: wait(quotas.TABLE_CALL))
    arrivals = round(load.joins * load.seconds)
    chance = Random(1)  # noqa: S311 - a simulation's chances, not a secret
    before = [_connection(chance) for _ in range(arrivals)] if load.reconnects else []
    if load.members:
        _settle(table, before, load.members)
    numbers = itertools.count()

    def serve() -> None:
        container = _Container(table, clock)
        for number in numbers:
            if number >= arrivals:
                return
            due = number / load.joins - env.now
            if due > 0:
                wait(due)
            if before:
                container.go(before[number])
            container.come(_connection(chance))

    for _ in range(load.containers):
        env.process(blocking(env, serve))
    env.run()
    return Peaks(
        joined=arrivals / env.now,
        writes=table.writes.peak(),
        reads=table.reads.peak(),
        writes_per_client=table.writes.total / arrivals,
    )


def churn(members: int, life: float, messages: int, containers: int = 1) -> Reading:
    """Tell a large room a message a second, while members come and go.

    A tenth of the room is looked at: the leaves, and those who come and go, of one shard of the
    second level.

    Args:
        members: of the room; each is replaced by another after some time.
        life: for how long a member stays on average, in seconds.
        messages: that are told.
        containers: among which the leaves of each message are served by chance; with one, a leaf
            finds what the message before has left.
    """
    now = START
    table = Table(lambda: now)
    chance = Random(1)  # noqa: S311 - a simulation's chances, not a secret
    tenth = LEVELS[1][0].slots
    newcomers = (one for one in iter(partial(_connection, chance), None) if tenth.holds(one.id))
    there = list(itertools.islice(newcomers, members // 10))
    _settle(table, there, members)
    store = _store(table, lambda: now)
    leaves = tenth.cut(10)
    caches = [MemberCache(store, clock=lambda: now) for _ in range(containers)]
    for cache, slots in itertools.product(caches, leaves):
        cache.of(ROOM, slots, store.head(ROOM).membership_version(members))
    due = units = 0.0
    reread = 0
    for _ in range(messages):
        now += 1
        due += len(there) / life
        while due >= 1:
            due -= 1
            place = chance.randrange(len(there))
            store.forget(there[place].id)
            there[place] = next(newcomers)
            store.add(there[place])
            store.join(there[place], ROOM)
        membership_version = store.head(ROOM).membership_version(members)
        before = table.reads.total
        for slots in leaves:
            queries = table.calls["Query"]
            chance.choice(caches).of(ROOM, slots, membership_version)
            reread += table.calls["Query"] > queries
        units += table.reads.total - before
    return Reading(reread / messages / len(leaves), units / messages * members / len(there))


def _store(table: Table, clock: Callable[[], float]) -> DynamoStore:
    return DynamoStore(cast("DynamoDBClient", table), "simulated", clock)


def _connection(chance: Random) -> Connection:
    """Return a connection of somebody new, with ids as long as real ones."""
    return Connection(
        id=ConnectionId(base64.b64encode(chance.randbytes(11)).decode()),
        user=User(UserId(str(uuid.UUID(bytes=chance.randbytes(16)))), "Ada Lovelace"),
        protocol=Protocol.V1,
        connected_at=round(START * 1_000),
        api_stage=ApiStage("a1b2c3d4e5", "api"),
    )


def _settle(table: Table, connections: Iterable[Connection], members: int) -> None:
    """Put a large room into a table, and those of its members who matter, at the last level."""
    number: Item = {"N": str(members // len(LEVELS[-1]))}
    expires_at: Item = {"expires_at": {"N": str(round(START) + HEAD_LIFE)}}
    for shard in LEVELS[-1]:
        table.put({**shard_key(ROOM, shard), "version": number, "members": number, **expires_at})
    zeros: Item = {name: {"N": "0"} for name in ("seq", "version", "members")}
    level: Item = {"spread": {"N": str(LAST_LEVEL)}}
    table.put({**head_key(ROOM), "epoch": {"S": "kq3v9c1x"}, **zeros, **level, **expires_at})
    for one in connections:
        joined: Item = {"rooms": {"BS": [room_digest(one.id, ROOM)]}}
        for item in (
            connection_item(one) | joined,
            user_connection_item(one),
            place_key(one.id, ROOM, LAST_LEVEL),
            member_item(ROOM, one, LAST_LEVEL),
        ):
            table.put({**item, "expires_at": connection_expiry(one)})
