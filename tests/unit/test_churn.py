"""Storms and churn, by the store's own code, leave no partition key too hot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from moto import mock_aws

from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.errors import FrameError
from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Protocol,
    RoomId,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.shards import WHOLE
from planning import quotas
from planning.simulation import scenarios
from planning.simulation.churn import Storm, churn, storm
from planning.simulation.table import Meter, Table
from tests.support import resources
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOM = RoomId("attic")
NOW = 1_795_543_903.0


def test_a_storm_into_a_new_room_leaves_no_partition_key_too_hot() -> None:
    """2,000 joins a second by 100 containers, each of which learns late that the room has grown."""
    peaks = storm(Storm(joins=2_000, seconds=2, containers=100))
    assert peaks.joined > 1_900
    assert peaks.writes[0] < quotas.PARTITION_WRITE_UNITS
    assert peaks.reads[0] < quotas.PARTITION_READ_UNITS


@pytest.mark.parametrize(
    ("joins", "containers"), [(quotas.NEW_CONNECTIONS_PER_SECOND, 100), (2_000, 300)]
)
def test_a_reconnect_storm_leaves_no_partition_key_too_hot(joins: float, containers: int) -> None:
    """Members of a large room are forgotten and come again, to containers that know nothing of it.

    Only joins read the head each time; 500 a second are as many as the gateway lets in by default.
    """
    peaks = storm(Storm(joins, 1, containers, members=100_000, reconnects=True))
    assert peaks.writes[0] < quotas.PARTITION_WRITE_UNITS
    assert peaks.reads[0] <= joins + containers / 2 < quotas.PARTITION_READ_UNITS


def test_a_leaf_of_a_large_room_reads_its_members_for_few_messages() -> None:
    """100,000 members who stay 2 hours, a message a second: a change touches a part of a leaf."""
    reading = churn(members=100_000, life=7_200, messages=20)
    assert 0 < reading.reread < 0.3
    assert reading.units < 600


def test_leaves_that_change_containers_read_their_members_more_often() -> None:
    """A container's knowledge of a leaf grows old while others serve it."""
    settled, shuffled = (churn(100_000, 7_200, 5, containers) for containers in (1, 5))
    assert settled.reread < shuffled.reread <= 1
    assert settled.units < shuffled.units


def test_the_page_on_scale_has_the_figures_of_storms_and_churn() -> None:
    """The quickest row of each is simulated anew."""
    page = (PROJECT / "docs/scale.md").read_text()
    load = scenarios.STORMS[2]
    row = scenarios.storm_row(load, storm(load))
    assert row["written_key"] == row["read_key"] == "R#general"
    assert (
        f"| {load.joins}/s come again to a room of {load.members:,} | {load.containers} "
        f"| {row['writes']:,} | {row['reads']:,} | {row['writes_per_client']:.0f} |"
    ) in page
    settled = next(scenarios.churns())
    assert (
        "| the container that served it before "
        f"| {settled['reread'] * 100:.0f} % | {round(settled['reads_per_message'], -1):,} |"
    ) in page


@pytest.mark.parametrize(("times", "peak"), [((0, 0.5, 0.9), 3), ((0, 0.5, 1.0), 2), ((0, 5), 1)])
def test_a_peak_is_of_any_second(times: tuple[float, ...], peak: float) -> None:
    """Units are added up over a second from wherever it begins."""
    now = 0.0
    meter = Meter(lambda: now)
    for time in times:
        now = time
        meter.count("a", 1)
    assert meter.peak() == (peak, "a")


def _tell(store: DynamoStore) -> list[Any]:
    """Let members come and go, some of them refused, and return what the store says of it."""
    told: list[Any] = []
    people = [
        Connection(
            ConnectionId(f"{name}="),
            User(UserId(name), name),
            Protocol.V1,
            round(NOW * 1_000),
            ApiStage("a1b2c3d4e5", "api"),
        )
        for name in ("ada", "bob", "cyd", "dan", "eve")
    ]
    for one in people[:-1]:
        store.add(one)
    for one in people:
        try:
            joined, head = store.join(one, ROOM, muted_until=1)
            told.append((joined, head.seq, head.version, head.members, head.level))
            store.join(joined, RoomId("too many"))
        except FrameError as refusal:
            told.append(refusal.code)
    told.append(store.leave(people[0], ROOM))
    told.append(store.forget(people[1].id))
    told.append([store.admit(one.id, 7, 3) for one in people])
    told.append(sorted(one.id for one in store.members(ROOM, WHOLE, SlotRange())))
    told.append([store.connection(one.id) for one in people])
    head = store.head(ROOM)
    told.append((head.version, head.members, head.level))
    return told


def test_the_table_in_memory_answers_like_an_emulated_one() -> None:
    """The store says the same on both, of joins, refusals, leaves and charges."""
    table = cast("DynamoDBClient", Table(lambda: NOW))
    ours = _tell(DynamoStore(table, "any", lambda: NOW, rooms_limit=1, capacity=(2, 10)))
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        theirs = _tell(DynamoStore(client, resources.TABLE, lambda: NOW, 1, (2, 10)))
    assert ours == theirs
