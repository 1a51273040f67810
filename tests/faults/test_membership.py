"""Joins and leaves of one room by one connection, in every interleaving of their calls.

The store's own code runs over a table in memory, and so does its twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.model import Connection, RoomId, SlotRange
from chalicelib.core.shards import shards_of
from planning.simulation.table import Table
from tests.faults.lambdas import Invocation, announce
from tests.faults.test_join import interleavings
from tests.support.builders import START, connection
from tests.support.fakes import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.store import Store

TEA = RoomId("tea")
ADA = connection("Ada")
JOIN, LEAVE = 5, 7
"""Steps of each: the calls, the reading of the connection among them, and the end."""


def on_table() -> Store:
    """The store on a table that announces each call before it is carried out."""
    table = Table(lambda: START, lambda: announce("a call"))
    return DynamoStore(cast("DynamoDBClient", table), "any", lambda: START)


def twin() -> Store:
    """The store's twin, which announces each call after it was carried out."""
    return MemoryStore(lambda: START, announce)


def known(store: Store) -> Connection:
    """The connection, as the table has it."""
    found = store.connection(ADA.id)
    assert found is not None
    return found


def begin(store: Store, action: str) -> Invocation:
    """Let Ada join or leave, by what a function reads of her first."""
    if action == "join":
        return Invocation(lambda: store.join(known(store), TEA))
    return Invocation(lambda: store.leave(known(store), TEA))


def make(make_store: Callable[[], Store], *, joined: bool) -> Store:
    """A store with Ada's connection, in the room or not."""
    store = make_store()
    store.add(ADA)
    if joined:
        store.join(ADA, TEA)
    return store


def check(store: Store) -> None:
    """A member knows it and can be forgotten; a connection that is none does not believe to be."""
    shards = shards_of(SlotRange(), store.head(TEA).level)
    is_member = any(list(store.members(TEA, shard, SlotRange())) for shard in shards)
    assert (TEA in known(store).rooms) == is_member
    assert store.renew(known(store)) == [TEA] * is_member


def finish(running: Sequence[Invocation]) -> None:
    """Let all run to their ends, which are good ones."""
    for one in running:
        one.finish()
        assert one.error is None


@pytest.mark.parametrize("make_store", [on_table, twin])
@pytest.mark.parametrize("joined", [True, False])
def test_a_join_beside_a_leave_makes_a_whole_member_or_none(
    make_store: Callable[[], Store],
    joined: bool,  # noqa: FBT001
) -> None:
    """Member, place and what the connection knows are there together, or none of them is."""
    for order in interleavings(JOIN, LEAVE):
        store = make(make_store, joined=joined)
        two = [begin(store, "join"), begin(store, "leave")]
        for which in order:
            if not two[which].over:
                two[which].resume()
        finish(two)
        check(store)


@pytest.mark.parametrize("make_store", [on_table, twin])
@settings(deadline=None)
@given(
    actions=st.lists(st.sampled_from(["join", "leave"]), min_size=2, max_size=4),
    joined=st.booleans(),
    data=st.data(),
)
def test_any_joins_and_leaves_make_a_whole_member_or_none(
    make_store: Callable[[], Store],
    actions: list[str],
    joined: bool,  # noqa: FBT001
    data: st.DataObject,
) -> None:
    """However many there are, and however they overlap."""
    store = make(make_store, joined=joined)
    all_of_them = [begin(store, action) for action in actions]
    while running := [one for one in all_of_them if not one.over]:
        data.draw(st.sampled_from(running)).resume()
    finish(all_of_them)
    check(store)
