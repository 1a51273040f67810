"""Every interleaving of a join, or a leave, with the broadcast of a message."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.model import RoomId
from tests.faults.lambdas import announce
from tests.faults.world import World
from tests.support.fakes import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from chalicelib.core.ports.store import Store
    from tests.faults.client import Client

TEA = RoomId("tea")


def make_store(clock: Callable[[], float]) -> tuple[Store, Store]:
    """A store that announces its calls, and the same one without."""
    store, observer = MemoryStore(clock, announce), MemoryStore(clock)
    observer.share(store)
    return store, observer


def meeting() -> tuple[World, Client, Client]:
    """Ada in the room, heard by both containers, and Bob outside."""
    world = World(make_store)
    ada, bob = world.new_client(), world.new_client()
    ada.join("tea")
    world.settle(ping=False)
    for container in (0, 1):
        ada.say("tea")
        for request in world.requests():
            request.finish()
        world.tidy()
        broadcast = world.work(container, 10)
        assert broadcast is not None
        broadcast.finish()
        world.settle(ping=False)
    return world, ada, bob


def interleavings(first: int, second: int) -> Iterator[tuple[int, ...]]:
    """Every order in which two functions of so many calls can go on."""
    for places in itertools.combinations(range(first + second), first):
        yield tuple(int(place not in places) for place in range(first + second))


def run(world: World, order: tuple[int, ...], *, dies: bool) -> None:
    """Let the two functions that run go on in that order, and then to their end, or to death."""
    two = list(world.invocations)
    for which in order:
        if not two[which].over:
            world.step(two[which])
    if dies and not two[0].over:
        world.kill(two[0])
    for one in two:
        world.finish(one)


def begin(world: World, calls: int) -> None:
    """Let the requests that run make so many calls, before anything that matters."""
    for request in world.requests():
        for _ in range(calls):
            world.step(request)


def read_all(world: World, client: Client) -> None:
    """Let a client read what has arrived."""
    while world.inbox(client):
        world.read(client, 0)


def heard(client: Client) -> list[tuple[int, Any]]:
    """Messages that a client has of the room."""
    return [(one["seq"], one["data"]["message"]) for one in client.timelines["tea"].delivered]


@pytest.mark.parametrize("container", [0, 1])
def test_nothing_falls_between_joined_and_the_first_live_message(container: int) -> None:
    """However a join and a broadcast overlap: up to `joined.seq` is history, above comes live."""
    for order in interleavings(5, 5):
        world, ada, bob = meeting()
        ada.say("tea")
        for request in world.requests():
            request.finish()
        world.tidy()
        bob.join("tea")
        begin(world, 3)
        assert world.work(container, 10) is not None
        run(world, order, dies=False)
        read_all(world, bob)
        history = world.observer.messages(
            TEA, world.observer.head(TEA).epoch, above=0, below=99, limit=99
        )
        texts = [(one.seq, one.message.text) for one in history]
        assert heard(bob) == texts[bob.first_seq("tea") :], order


@pytest.mark.parametrize("container", [0, 1])
def test_a_join_that_dies_and_is_sent_again_misses_nothing(container: int) -> None:
    """A death between any two calls of a join, at any point of a broadcast, costs no message."""
    for joined, told in itertools.product(range(1, 7), range(7)):
        world, ada, bob = meeting()
        ada.say("tea")
        for request in world.requests():
            request.finish()
        world.tidy()
        bob.join("tea")
        assert world.work(container, 10) is not None
        run(world, (0,) * joined + (1,) * told, dies=True)
        bob.wait()
        for request in world.requests():
            request.finish()
        world.tidy()
        read_all(world, ada)
        ada.say("tea")
        world.run_all()
        read_all(world, ada)
        read_all(world, bob)
        assert heard(bob) == heard(ada)[bob.first_seq("tea") :]
        assert heard(bob), "the last message is after every join"


def test_who_has_left_is_told_no_later_message() -> None:
    """However a leave and a broadcast overlap: nothing numbered after `left` is posted."""
    for order in interleavings(5, 5):
        world, ada, bob = meeting()
        bob.join("tea")
        world.settle(ping=False)
        ada.say("tea")
        for request in world.requests():
            request.finish()
        world.tidy()
        world.leave(bob, "tea")
        begin(world, 2)
        assert world.work(0, 10) is not None
        run(world, order, dies=False)
        read_all(world, ada)
        ada.say("tea")
        world.run_all()
