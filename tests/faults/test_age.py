"""Messages that come again after every window has closed: the queue's, and the worker's."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from chalicelib.core.jobs import MessageJob
from chalicelib.core.model import Message, RoomId, User, UserId
from chalicelib.service.backlog import UNCONFIRMED
from tests.faults.services import DEDUPLICATION_SECONDS
from tests.faults.test_delivery import content
from tests.faults.test_join import make_store
from tests.faults.world import World

if TYPE_CHECKING:
    from tests.faults.client import Client
    from tests.faults.services import Queued

TEA = RoomId("tea")
OTHERS = 120
"""Messages that come between, more than any list of recent ones would hold."""


def meeting() -> tuple[World, Client, Client]:
    """Ada, Bob and Cat in the room."""
    world = World(make_store)
    ada, bob, cat = (world.new_client() for _ in range(3))
    for client in (ada, bob, cat):
        client.join("tea")
    world.settle(ping=False)
    return world, ada, bob


def talk(world: World) -> None:
    """Let others say so much that nothing of before is recent any more."""
    for number in range(OTHERS):
        user = User(UserId("others"), "Others")
        sent_at = int(world.now * 1000)
        message = Message(f"m{number}", TEA, "chat", f"others:{number}", user, None, sent_at)
        world.queue.publish(MessageJob(TEA, message.key, message))


def accept(world: World, client: Client, count: int = 1) -> None:
    """Let a client say something, and its messages be queued."""
    for _ in range(count):
        client.say("tea")
        for request in world.requests():
            world.finish(request)


def kept(world: World) -> list[str]:
    """Messages of the history, in order; every number is there."""
    head = world.observer.head(TEA)
    limit = head.seq + 1
    messages = list(world.observer.messages(TEA, head.epoch, above=0, below=limit, limit=limit))
    assert [one.seq for one in messages] == list(range(1, limit))
    return [content(one.message) for one in messages]


def take_off(world: World) -> Queued:
    """Take the only message off the queue, as its dead-letter policy does."""
    [letter] = [one for one in world.queue.messages if not one.deleted]
    world.queue.messages.remove(letter)
    return letter


def redrive(world: World, letter: Queued) -> None:
    """Put a dead letter on the queue as a new message, as a redrive does."""
    letter.received, letter.visible = 0, True
    letter.id = f"redriven {letter.id}"
    letter.sent_at = int(world.now * 1000)
    world.queue.messages.append(letter)


def test_a_message_resent_to_a_room_that_stalls_gets_one_number() -> None:
    """It is queued twice, 120 others come between, and all that is told of it is one number."""
    world, ada, bob = meeting()
    accept(world, ada)
    world.queue.receive(10)
    world.now += DEDUPLICATION_SECONDS + 1
    world.drop(ada, told=True)
    talk(world)
    world.connect(ada)
    for request in world.requests():
        world.finish(request)
    while world.inbox(ada):
        world.read(ada, 0)
    for request in world.requests():
        world.finish(request)
    waiting = Counter(one.body for one in world.queue.messages if "c0:1 " in one.body)
    assert sum(waiting.values()) == 2, "the queue has dropped nothing"
    world.settle(ping=False)
    assert kept(world).count("c0:1") == 1
    assert sum("c0:1" in one["data"]["message"] for one in bob.timelines["tea"].delivered) == 1


def test_a_redriven_dead_letter_that_was_numbered_keeps_its_number() -> None:
    """Its worker numbered it, and died each time before the record was deleted."""
    world, ada, _ = meeting()
    accept(world, ada)
    worker = world.work(0, 10)
    assert worker is not None
    while world.observer.head(TEA).seq == 0:
        world.step(worker)
    world.kill(worker)
    letter = take_off(world)
    world.now += DEDUPLICATION_SECONDS + 1
    talk(world)
    world.settle(ping=False)
    redrive(world, letter)
    world.settle(ping=False)
    assert kept(world).count("c0:1") == 1


@pytest.mark.parametrize("calls", [1, 2])
def test_a_redriven_dead_letter_that_was_not_numbered_gets_a_number_of_its_own(calls: int) -> None:
    """Its worker died before the head moved, with or without history written; nothing is lost."""
    world, ada, _ = meeting()
    accept(world, ada)
    worker = world.work(0, 10)
    assert worker is not None
    for _ in range(calls):
        world.step(worker)
    world.kill(worker)
    assert world.observer.head(TEA).seq == 0
    letter = take_off(world)
    talk(world)
    world.run_all()
    redrive(world, letter)
    world.settle(ping=False)
    texts = kept(world)
    assert len(texts) == len(set(texts)) == OTHERS + 1
    assert texts[-1] == "c0:1"


def test_a_room_that_numbers_nothing_takes_few_messages() -> None:
    """Its workers fail for minutes: most of a flood is told to slow down, and comes later."""
    world, ada, _ = meeting()
    for number in range(20 * 20):
        frame = {"action": "message", "room": "tea", "message": f"c0:{number}", "id": f"f{number}"}
        assert ada.connection
        world._frame(ada.connection, json.dumps(frame))
        for request in world.requests():
            world.finish(request)
        if number % 20 == 0:
            world.now += 10
    waiting = [one for one in world.queue.messages if not one.deleted]
    assert len(waiting) <= UNCONFIRMED + 20, "the backlog is bounded"
    refused = [one for one in world.inbox(ada) if one["type"] == "error"]
    assert {one["code"] for one in refused} == {"slow_down"}
    assert all(one["retryAfter"] > 0 for one in refused)
    assert len(waiting) + len(refused) == 20 * 20
    world.run_all()
    assert len(kept(world)) == len(waiting)
