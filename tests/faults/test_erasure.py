"""A user's data is erased while the user talks, workers die and batches come again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.jobs import MessageJob, QueueDepth, decode
from chalicelib.core.model import RoomId, UserId
from chalicelib.service.erasure import Erased, Erasure
from chalicelib.service.runtime import Runtime
from tests.faults.lambdas import Invocation, announce
from tests.faults.test_join import meeting
from tests.faults.test_rights import known
from tests.support.fakes import MemoryStore, MemoryTraces

if TYPE_CHECKING:
    from chalicelib.core.model import SequencedMessage
    from tests.faults.client import Client
    from tests.faults.world import World

TEA = RoomId("tea")


@dataclass
class Run:
    """A run of erasure beside all else.

    Attributes:
        accepted: the user's messages that were accepted when the reading began.
    """

    world: World
    user_id: UserId
    accepted: set[str] = field(default_factory=set)

    def start(self) -> Invocation:
        """Begin."""
        world = self.world
        assert isinstance(world.store, MemoryStore)
        container = world.containers[0]
        erasure = Erasure(
            world.store,
            MemoryTraces(world.store, announce),
            container.closer,
            container.notifier,
            world.queue.waiting,
            Runtime(world.meter, self._note, sleep=lambda _: announce("sleep")),
        )
        return world._start(lambda: erasure.erase(self.user_id))

    def of_user(self) -> set[str]:
        """The user's messages, queued or numbered at any time."""
        jobs = [decode(queued.body) for queued in self.world.queue.messages]
        return {
            job.message.text
            for job in jobs
            if isinstance(job, MessageJob) and job.message.user.user_id == self.user_id
        }

    def _note(self) -> float:
        self.accepted = self.of_user()
        return self.world.now


def history(world: World) -> list[SequencedMessage]:
    """Messages that are kept of the room."""
    epoch = world.observer.head(TEA).epoch
    return list(world.observer.messages(TEA, epoch, above=0, below=999, limit=999))


def kept_texts(run: Run) -> set[str]:
    """The user's texts in history."""
    return {
        one.message.text
        for one in history(run.world)
        if one.message.text and one.message.user.user_id == run.user_id
    }


def act(world: World, bob: Client, draw: st.DataObject) -> None:
    """Let something happen: somebody says something, a function goes on, dies, comes again."""
    match draw.draw(st.integers(0, 6)):
        case 0 if bob.connection and bob.said < 30:
            bob.say("tea")
        case 1 if bob.connection is None or bob.connection not in world.gateway.sockets:
            if bob.connection:
                bob.lose()
            world.connect(bob)
        case 2:
            world.work(draw.draw(st.integers(0, 1)), 10)
        case 3:
            world.queue.time_out()
        case _:
            running = [one for one in world.invocations if one.at != "sleep"]
            if running:
                one = draw.draw(st.sampled_from(running))
                if one.at == "start" or draw.draw(st.integers(0, 9)):
                    world.step(one)
                else:
                    world.kill(one)


@settings(deadline=None, max_examples=300)
@given(data=st.data())
def test_what_was_accepted_is_erased_or_told_of(data: st.DataObject) -> None:
    """Under any events meanwhile no text is left that was neither waiting nor newer."""
    world, ada, bob = meeting()
    bob.join("tea")
    world.settle(ping=False)
    for _ in range(data.draw(st.integers(0, 3))):
        bob.say("tea")
    run = Run(world, known(world, bob).user.user_id)
    erasing = run.start()
    acts = data.draw(st.integers(0, 60))
    while not erasing.over:
        if erasing.at == "sleep":
            # It lasts longer than any function that has begun.
            for one in [one for one in world.invocations if one is not erasing]:
                world.finish(one)
            world.step(erasing)
        elif acts and data.draw(st.booleans()):
            acts -= 1
            act(world, bob, data)
        else:
            world.step(erasing)
    if isinstance(erasing.result, Erased) and erasing.result.waiting == QueueDepth():
        assert not kept_texts(run) & run.accepted
    numbers = [one.seq for one in history(world)]
    assert numbers == list(range(1, len(numbers) + 1))
    if bob.connection and bob.connection not in world.gateway.sockets:
        bob.lose()
    world.settle(ping=True)
    run.start().finish()
    assert not kept_texts(run)
    assert [one.seq for one in history(world)] == list(range(1, len(history(world)) + 1))
    assert {one.message.user.username for one in history(world)} >= {ada.name}
