"""What every store must do: the DynamoDB one, and its twin in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from chalicelib.model import LOBBY, Connection, ConnectionId, RoomId, UserId
from chalicelib.store import CONNECTION_LIFE, DynamoStore
from tests import resources
from tests.conftest import PROJECT
from tests.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.store import Store

NOW = 1_795_543_903


class Clock:
    """A clock that stands still until a test sets it."""

    now = float(NOW)

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Store]:
    """Each store in turn, empty."""
    if request.param == "memory":
        yield MemoryStore(clock)
        return
    with mock_aws():
        resources.create(PROJECT)
        yield DynamoStore(boto3.client("dynamodb"), resources.TABLE, clock)


def connection(name: str, *rooms: RoomId) -> Connection:
    """A connection that opened just now."""
    return Connection(
        id=ConnectionId(f"{name}="),
        user_id=UserId(f"user-{name}"),
        username=name,
        connected_at=NOW * 1000,
        rooms=frozenset(rooms or {LOBBY}),
        api_id="a1b2c3d4e5",
        stage="api",
    )


def names(store: Store, room: RoomId = LOBBY) -> set[str]:
    """The names of a room's members."""
    return {member.username for member in store.members(room)}


def test_a_connection_comes_back_as_it_was_added(store: Store) -> None:
    """Every field of a connection survives the table."""
    ada = connection("Ada", LOBBY, RoomId("attic"))
    store.add(ada)
    assert store.connection(ada.id) == ada


def test_an_unknown_connection_is_none(store: Store) -> None:
    """A connection that was never added is not found, rather than an error."""
    assert store.connection(ConnectionId("nobody=")) is None


def test_members_are_the_connections_of_that_room_alone(store: Store) -> None:
    """A connection is a member of each of its rooms and of no other."""
    store.add(connection("Ada", LOBBY, RoomId("attic")))
    store.add(connection("Bob", LOBBY))
    assert names(store) == {"Ada", "Bob"}
    assert names(store, RoomId("attic")) == {"Ada"}
    assert names(store, RoomId("att")) == set()


def test_a_large_room_is_read_to_its_last_member(store: Store) -> None:
    """Members beyond the first page of 1 MB are not lost."""
    crowd = [replace(connection(str(number)), username="x" * 2000) for number in range(600)]
    for one in crowd:
        store.add(one)
    assert {member.id for member in store.members(LOBBY)} == {one.id for one in crowd}


def test_forgetting_removes_the_connection_from_every_room(store: Store) -> None:
    """What is forgotten is neither a connection nor a member any more."""
    ada = connection("Ada", LOBBY, RoomId("attic"))
    store.add(ada)
    store.add(connection("Bob", LOBBY))
    store.forget(ada.id)
    assert store.connection(ada.id) is None
    assert names(store) == {"Bob"}
    assert names(store, RoomId("attic")) == set()


def test_forgetting_twice_is_forgetting_once(store: Store) -> None:
    """A disconnect and a 410 for one connection may both come, in any order."""
    ada = connection("Ada")
    store.add(ada)
    store.forget(ada.id, LOBBY)
    store.forget(ada.id, LOBBY)
    store.forget(ConnectionId("nobody="), RoomId("nowhere"))
    assert names(store) == set()


def test_expired_items_are_not_seen_even_before_the_table_deletes_them(
    store: Store, clock: Clock
) -> None:
    """TTL deletion lags by days, so expiry is decided at the read."""
    ada = connection("Ada")
    store.add(ada)
    clock.now = NOW + CONNECTION_LIFE - 1
    assert store.connection(ada.id) is not None
    assert names(store) == {"Ada"}
    clock.now = NOW + CONNECTION_LIFE
    assert store.connection(ada.id) is None
    assert names(store) == set()
