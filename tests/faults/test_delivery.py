"""Every accepted message is numbered once, and reaches every member once, whatever goes wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto import mock_aws

from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.errors import UnavailableError
from chalicelib.core.fanout import Fanout
from chalicelib.core.limits import Limits
from chalicelib.core.model import Message, RoomId, User
from chalicelib.core.ports.poster import Reason
from chalicelib.core.protocol import MESSAGE_LIMIT
from chalicelib.core.shards import CAPACITY
from tests.faults.lambdas import announce
from tests.faults.world import ROOMS, UNLIMITED, World
from tests.support import resources
from tests.support.fakes import MemoryStore
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.ports.store import Store
    from tests.faults.client import Client

rooms = st.sampled_from(ROOMS)
numbers = st.integers(min_value=0, max_value=9)


PADDINGS = (
    "",
    *(
        character * ((MESSAGE_LIMIT - 16) // len(character.encode()))
        for character in ("a", "ж", "😀", "\x7f", "\ufffe")
    ),
)
"""Parts of messages as long as they may be, in scripts of every width."""


def content(message: Message) -> str:
    """The text that tells a message from all others, or that it had before it was deleted."""
    name = message.user.username
    match message.type:
        case "chat":
            return message.text.split(" ")[0]
        case "deleted":
            return f"{name}:{message.id.removeprefix('m')}"
        case "delete":
            return f"{name}:{message.id}"


def heard_content(one: Any) -> str:
    """The same of a message as a client has got it."""
    data = one["data"]
    user = User(data["userId"], data["username"])
    return content(
        Message(one["id"], one["room"], data["type"], data["message"], user, None, sent_at=0)
    )


class Delivery(RuleBasedStateMachine):
    """Any interleaving of clients, workers, redeliveries, deaths, failures and losses."""

    fanout = Fanout()
    limits = UNLIMITED
    capacity: tuple[int, ...] = CAPACITY

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.make_store, self.fanout, self.limits)
        self.posts_were_lost = False
        self.workers_overlapped = False

    def make_store(self, clock: Callable[[], float]) -> tuple[Store, Store]:
        """Return a store that announces its calls, and the same one without."""
        store = MemoryStore(clock, announce, capacity=self.capacity)
        observer = MemoryStore(clock)
        observer.share(store)
        return store, observer

    @initialize()
    def people_meet(self) -> None:
        """Begin with three clients that are live, so that there is something to lose."""
        for _ in range(3):
            client = self.world.new_client()
            for room in ROOMS[: 1 + len(self.world.clients) % 2]:
                client.join(room)
        self.world.settle(ping=False)

    @rule()
    @precondition(lambda self: len(self.world.clients) < 5)
    def somebody_comes(self) -> None:
        """One more client connects."""
        self.world.new_client()

    @rule(who=numbers, room=rooms)
    def join(self, who: int, room: str) -> None:
        """A client joins a room."""
        client = self._client(who)
        if self.world.may_join(client, room):
            client.join(room)

    @rule(who=numbers, room=rooms)
    def leave(self, who: int, room: str) -> None:
        """A client leaves a room."""
        self.world.leave(self._client(who), room)

    @rule(
        who=numbers,
        room=rooms,
        count=st.integers(min_value=1, max_value=3),
        accepted=st.sampled_from([True, True, False]),
        size=st.sampled_from([0, 0, 0, *range(len(PADDINGS))]),
    )
    def say(
        self,
        who: int,
        room: str,
        count: int,
        accepted: bool,  # noqa: FBT001 - hypothesis draws it
        size: int = 0,
    ) -> None:
        """A client says something, online or not; it is queued at once, or some time later."""
        client = self._client(who)
        if room in client.timelines:
            for _ in range(count):
                client.say(room, PADDINGS[size])
        if accepted:
            self.requests_finish()

    @rule(who=numbers, room=rooms, place=numbers)
    def delete(self, who: int, room: str, place: int) -> None:
        """A client takes away a message, one's own or another's, or what did that to another."""
        client = self._client(who)
        if room in client.timelines:
            client.delete(room, place)

    @rule(who=numbers, told=st.booleans())
    def drop(self, who: int, told: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        """A connection is cut, with or without a `$disconnect`."""
        self.world.drop(self._client(who), told=told)

    @rule(who=numbers)
    def come_back(self, who: int) -> None:
        """A client connects again and resumes."""
        client = self._client(who)
        if client.connection is None:
            self.world.connect(client)

    @rule(who=numbers, place=numbers, count=st.sampled_from([1, 3, 30]))
    def read(self, who: int, place: int, count: int) -> None:
        """A client reads what has arrived, out of order."""
        for _ in range(count):
            self.world.read(self._client(who), place)

    @rule(who=numbers)
    def wait(self, who: int) -> None:
        """A client's timers run out."""
        self._client(who).wait()

    @rule(container=st.integers(min_value=0, max_value=1), most=st.sampled_from([1, 2, 10]))
    def work(self, container: int, most: int) -> None:
        """A broadcast takes a batch."""
        self.world.work(container, most)

    @rule()
    def requests_finish(self) -> None:
        """Everything but the broadcasts runs to its end."""
        for invocation in self.world.requests():
            self.world.finish(invocation)

    @rule(
        who=numbers,
        room=rooms,
        container=st.integers(min_value=0, max_value=1),
        calls=st.integers(min_value=1, max_value=9),
        end=st.sampled_from(["dies", "fails", "finishes"]),
        again=st.booleans(),
    )
    def work_until(
        self,
        who: int,
        room: str,
        container: int,
        calls: int,
        end: str,
        again: bool,  # noqa: FBT001
    ) -> None:
        """Somebody says something; its broadcast makes some calls, and then dies, fails or ends."""
        self.say(who, room, 2, accepted=True)
        invocation = self.world.work(container, 10)
        while invocation and calls and not invocation.over:
            self.world.step(invocation)
            calls -= 1
        if invocation and not invocation.over:
            if end == "dies":
                self.world.kill(invocation)
            elif end == "fails" and invocation.at not in {"POST", "start"}:
                self.world.step(invocation, UnavailableError(invocation.at))
            else:
                self.world.finish(invocation)
        if again:
            self.visibility_runs_out()

    @rule(which=numbers, steps=st.integers(min_value=1, max_value=8))
    @precondition(lambda self: self.world.invocations)
    def step(self, which: int, steps: int) -> None:
        """A function goes on for some AWS calls."""
        invocation = self._invocation(which)
        for _ in range(steps):
            if not invocation.over:
                self.world.step(invocation)

    @rule(which=numbers)
    @precondition(lambda self: self.world.invocations)
    def finish(self, which: int) -> None:
        """A function runs to its end."""
        self.world.finish(self._invocation(which))

    @rule(which=numbers)
    @precondition(lambda self: self.world.invocations)
    def die(self, which: int) -> None:
        """A container dies right after one of its AWS calls."""
        invocation = self._invocation(which)
        if invocation.at != "start":
            self.world.kill(invocation)

    @rule(which=numbers)
    @precondition(lambda self: self.world.invocations)
    def fail(self, which: int) -> None:
        """An AWS call fails, although it has been carried out."""
        invocation = self._invocation(which)
        if invocation.at not in {"start", "POST"}:
            self.world.step(invocation, UnavailableError(invocation.at))

    @rule(
        reason=st.sampled_from([Reason.THROTTLED, Reason.TIMED_OUT]),
        arrives=st.booleans(),
        count=st.integers(min_value=1, max_value=6),
    )
    def posts_fail(self, reason: Reason, arrives: bool, count: int) -> None:  # noqa: FBT001
        """The next posts fail, or their answers get lost."""
        self.posts_were_lost = True
        self.world.gateway.failures += [(reason, arrives)] * count

    @rule()
    def all_is_well(self) -> None:
        """For a moment everything works, and whoever is online reads everything."""
        self.world.run_all()
        for client in self.world.clients:
            while self.world.inbox(client):
                self.world.read(client, 0)

    @rule()
    def visibility_runs_out(self) -> None:
        """Jobs in flight are delivered again, while their worker may still be at them."""
        self.workers_overlapped |= bool(self.world.invocations)
        self.world.queue.time_out()

    @rule(seconds=st.sampled_from([1, 60, 301]))
    def time_passes(self, seconds: int) -> None:
        """Time passes, up to beyond the queue's deduplication."""
        self.world.now += seconds

    def teardown(self) -> None:
        """Let everything heal, and look at what there is."""
        self.world.settle(ping=self.posts_were_lost)
        for room in ROOMS:
            self._check_room(room)

    def _check_room(self, room: str) -> None:
        store = self.world.observer
        head = store.head(RoomId(room))
        kept = list(
            store.messages(
                RoomId(room), head.epoch, above=0, below=head.seq + 1, limit=head.seq + 1
            )
        )
        assert [one.seq for one in kept] == list(range(1, head.seq + 1)), "history has a hole"
        texts = [content(one.message) for one in kept]
        assert max(Counter(texts).values(), default=0) <= 1, "a message has two numbers"
        for client in self.world.clients:
            timeline = client.timelines.get(room)
            if timeline is not None:
                heard = [(one["seq"], heard_content(one)) for one in timeline.delivered]
                behind = heard[0][0] - 1 if heard else head.seq
                assert heard == list(enumerate(texts, 1))[behind:], f"{client.name} differs"
                assert timeline.gaps == []
                assert client.first_seq(room) == behind, f"{client.name} lacks the first ones"
                said = {text for text in texts if text.startswith(f"{client.name}:")}
                assert client.said_in(room) <= said, "something said is not there"

        # A worker that goes on after another has taken its batch over may write history once more.
        if not self.workers_overlapped:
            deleted = [one.message.deletes for one in kept if one.message.deletes]
            assert all(kept[seq - 1].message.type != "chat" for seq in deleted), "a text is left"

    def _client(self, who: int) -> Client:
        return self.world.clients[who % len(self.world.clients)]

    def _invocation(self, which: int) -> Any:
        return self.world.invocations[which % len(self.world.invocations)]


class TreeDelivery(Delivery):
    """The same with workers that share every room of two members among others."""

    fanout = Fanout(leaf=1, branching=2)


class ShardedDelivery(TreeDelivery):
    """The same where rooms spread their members over shards of two further levels."""

    capacity = (2, 15)

    @rule()
    def a_container_is_new(self) -> None:
        """The next join knows nothing of how large rooms have become."""
        store = self.world.store
        if isinstance(store, MemoryStore):
            store.known.clear()


class SlowDelivery(Delivery):
    """The same where most of what clients send is too much at first."""

    limits = Limits(frames=8, joins=8, burst=1, abuse=1e6)


class DynamoDelivery(ShardedDelivery):
    """The same over the real store code and an emulated table."""

    def __init__(self) -> None:
        self._aws = mock_aws()
        self._aws.start()
        super().__init__()

    def make_store(self, clock: Callable[[], float]) -> tuple[Store, Store]:
        """See `Delivery.make_store`."""
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        client.meta.events.register("after-call", lambda model, **_: announce(model.name))
        observer = resources.client("dynamodb")
        return (
            DynamoStore(client, resources.TABLE, clock, capacity=self.capacity),
            DynamoStore(observer, resources.TABLE, clock),
        )

    def teardown(self) -> None:
        """See `Delivery.teardown`."""
        try:
            super().teardown()
        finally:
            self._aws.stop()


def explore(machine: type[Delivery], examples: int) -> None:
    """Run so many histories of faults, and 25 times as many with `make faults`."""
    if settings.get_current_profile_name() == "faults":
        examples *= 25
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=60,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(900)
def test_delivery_over_the_store_in_memory() -> None:
    """Each of many histories of faults ends with every message once, in order."""
    explore(Delivery, 400)


@pytest.mark.timeout(900)
def test_delivery_through_a_tree_of_workers() -> None:
    """The same where each message goes through one or two further levels of jobs."""
    explore(TreeDelivery, 400)


@pytest.mark.timeout(900)
def test_delivery_over_shards_of_members() -> None:
    """The same where members are spread over shards, and containers learn of it late."""
    explore(ShardedDelivery, 120)


@pytest.mark.timeout(900)
def test_delivery_where_clients_have_to_slow_down() -> None:
    """A message refused for coming too fast, with an answer or without, is not lost by it."""
    explore(SlowDelivery, 80)


@pytest.mark.timeout(900)
def test_delivery_over_the_table() -> None:
    """The same over DynamoDB's real calls, on an emulated table."""
    explore(DynamoDelivery, 10)
