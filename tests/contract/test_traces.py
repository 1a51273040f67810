"""All that a store holds of a user: in the DynamoDB table, and in its twin in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from msgspec.structs import replace

from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.adapters.dynamodb.traces import READS_PER_SECOND, WRITES_PER_SECOND, DynamoTraces
from chalicelib.core.errors import UnavailableError
from chalicelib.core.history import ERASED, erased
from chalicelib.core.model import (
    Address,
    ApiStage,
    Connection,
    Epoch,
    Message,
    Protocol,
    RoomHead,
    RoomId,
    Sanction,
    SequencedMessage,
    User,
    UserId,
)
from chalicelib.core.ports.store import CONNECTION_LIFE, HISTORY_LIFE
from chalicelib.core.ports.traces import MembershipTrace
from tests.contract.test_store import answer_from_the_past
from tests.support import resources
from tests.support.builders import gateway_id
from tests.support.fakes import MemoryStore, MemoryTraces
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.store import Store
    from chalicelib.core.ports.traces import Trace, TraceStore

NOW = 1_795_543_903
ATTIC, CELLAR = RoomId("attic"), RoomId("cellar#1")
EPOCH = Epoch("e")
ORIGIN = ApiStage("a1b2c3d4e5", "api")

CAPACITY = (3, 10)
"""Members of a room above which there are shards."""

ADA = UserId("ada")
OTHERS = ("ada2", "ad", "ada#attic", "ada\n", "Ada", "ada ", "âda", "ada🦊")
ODD = ("a\nb", "#", "ada#attic", "🦊" * 40, "U#ada", "x" * 300, "%", '"', "\\")


class Clock:
    """A clock that stands still until a test sets it."""

    now = float(NOW)

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@dataclass
class Kept:
    """A store, and what looks for traces in it."""

    store: Store
    traces: TraceStore
    clock: Clock

    def add(self, name: str, user: str, *rooms: RoomId) -> Connection:
        """Open a connection of a user, in some rooms."""
        one = Connection(
            gateway_id(name), User(UserId(user), user), Protocol.V1, NOW * 1000, ORIGIN
        )
        self.store.add(one)
        for room in rooms:
            one, _ = self.store.join(one, room)
        return one

    def say(
        self, seq: int, user: str, room: RoomId = ATTIC, *, name: str = "Somebody", **changes: Any
    ) -> SequencedMessage:
        """Keep a message of a user under a number, and move the head on."""
        author = User(UserId(user), name)
        message = Message(f"id-{seq}", room, "chat", "hi", author, gateway_id(user), NOW)
        said = SequencedMessage(seq, EPOCH, replace(message, **changes))
        self.store.append([said])
        self.store.advance(room, RoomHead(EPOCH, seq - 1), RoomHead(EPOCH, seq))
        return said

    def history(self, room: RoomId = ATTIC, epoch: Epoch = EPOCH) -> list[SequencedMessage]:
        """The messages that are kept of a room."""
        return list(self.store.messages(room, epoch, above=0, below=10_000, limit=10_000))

    def find(self, user: str) -> list[Trace]:
        """All traces of a user."""
        return list(self.traces.find(UserId(user)))


@pytest.fixture(params=["memory", "dynamo", "past"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """Each store in turn, empty; the last one's table answers from the past wherever it may."""
    clock = Clock()
    if request.param == "memory":
        store = MemoryStore(clock, capacity=CAPACITY)
        yield Kept(store, MemoryTraces(store), clock)
        return
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        if request.param == "past":
            answer_from_the_past(client)
        yield tabled(clock, client=client)


def tabled(
    clock: Clock,
    sleep: Callable[[float], None] = lambda _: None,
    client: DynamoDBClient | None = None,
) -> Kept:
    """The emulated table."""
    client = client or resources.client("dynamodb")
    return Kept(
        DynamoStore(client, resources.TABLE, clock, capacity=CAPACITY),
        DynamoTraces(client, resources.TABLE, sleep),
        clock,
    )


def test_connections_members_and_messages_are_found_in_every_room(kept: Kept) -> None:
    """All of a user's, and nobody else's."""
    one, two = kept.add("1", "ada", ATTIC, CELLAR), kept.add("2", "ada")
    kept.add("3", "bob", ATTIC)
    said = [kept.say(1, "ada"), kept.say(1, "ada", CELLAR)]
    kept.say(2, "bob")
    found = kept.find("ada")
    connections = {trace.id for trace in found if isinstance(trace, Connection)}
    members = {
        (trace.member.id, trace.room, trace.level)
        for trace in found
        if isinstance(trace, MembershipTrace)
    }
    assert connections == {one.id, two.id}
    assert members == {(one.id, ATTIC, 0), (one.id, CELLAR, 0)}
    messages = [trace for trace in found if isinstance(trace, SequencedMessage)]
    assert sorted(messages, key=lambda one: one.message.room) == said
    assert len(found) == 6


def test_members_are_found_at_every_level_of_a_large_room(kept: Kept) -> None:
    """Those who came before the room had shards, and those after."""
    for name in ("1", "2", "3", "4"):
        kept.add(name, "bob", ATTIC)
    kept.add("0", "ada", CELLAR)
    kept.add("5", "ada", ATTIC)
    levels = {
        trace.room: trace.level for trace in kept.find("ada") if isinstance(trace, MembershipTrace)
    }
    assert levels == {ATTIC: 1, CELLAR: 0}


def test_what_expired_is_found_until_it_is_deleted(kept: Kept) -> None:
    """The table deletes late, and till then a backup may hold it."""
    one = kept.add("1", "ada", ATTIC)
    kept.say(1, "ada")
    kept.clock.now = NOW + CONNECTION_LIFE + HISTORY_LIFE + 1
    assert len(kept.find("ada")) == 3
    assert [entry.id for entry in kept.traces.entries(ADA)] == [one.id]


@pytest.mark.parametrize("user", ODD)
def test_any_id_is_taken_as_it_is(kept: Kept, user: str) -> None:
    """An id of any characters names its own user alone."""
    user_id = UserId(user)
    one = kept.add("1", user, ATTIC)
    kept.add("2", "ada", ATTIC)
    kept.say(1, user)
    kept.say(2, "ada")
    kept.store.block_user(user_id, 9)
    kept.store.block_user(ADA, 9)
    assert len(kept.find(user)) == 3
    assert kept.traces.drop(user_id, kept.traces.entries(user_id)) == 2
    assert [entry.id for entry in kept.traces.entries(ADA)] == [gateway_id("2")]
    assert kept.store.account(ADA).blocked_until == 9
    assert [trace.id for trace in kept.find(user) if isinstance(trace, Connection)] == [one.id]
    assert [
        kept.traces.erase(trace) for trace in kept.find(user) if isinstance(trace, SequencedMessage)
    ]
    assert [message.message.text for message in kept.history()] == ["", "hi"]


@pytest.mark.parametrize("other", OTHERS)
def test_users_whose_ids_look_alike_are_others(kept: Kept, other: str) -> None:
    """Not an id that begins with another, nor one that differs by a letter."""
    kept.add("1", other, ATTIC)
    kept.say(1, other)
    assert kept.find("ada") == []
    assert kept.traces.entries(ADA) == []
    assert kept.traces.drop(ADA, []) == 0
    assert len(kept.traces.entries(UserId(other))) == 1


def test_entries_are_dropped_one_by_one(kept: Kept) -> None:
    """One that has come meanwhile stays listed, and so is found again."""
    old, new = kept.add("1", "ada"), kept.add("2", "ada")
    listed = kept.traces.entries(ADA)
    assert Address(old.id, ORIGIN, NOW * 1000) in listed
    kept.store.charge(ADA, 100, NOW)
    assert kept.traces.drop(ADA, [entry for entry in listed if entry.id == old.id]) == 2
    assert [entry.id for entry in kept.traces.entries(ADA)] == [new.id]
    assert kept.traces.drop(ADA, listed) == 1
    assert kept.traces.drop(ADA, listed) == 0


def test_an_erased_message_keeps_its_number_its_key_and_its_id(kept: Kept) -> None:
    """No room has a hole, and what is sent again has its number; text and name are gone."""
    said = kept.say(1, "ada")
    kept.say(2, "bob")
    assert kept.traces.erase(said)
    kept_one, other = kept.history()
    assert kept_one.message == replace(
        said.message, type="deleted", text="", user=User(ADA, ERASED), sender=None
    )
    assert other.message.text == "hi"
    head, numbers = kept.store.numbers(ATTIC, [said.message.key])
    assert (head.seq, numbers) == (2, {said.message.key: 1})
    assert kept.find("ada") == []
    kept.clock.now = NOW + HISTORY_LIFE + 1
    assert kept.history() == []


def test_a_tombstone_stays_one(kept: Kept) -> None:
    """It still tells which message is gone, but not by whose name."""
    kept.say(1, "bob")
    said = kept.say(2, "ada", type="delete", text="", sender=None, deletes=1)
    assert kept.traces.erase(said)
    kept_one = kept.history()[1].message
    assert (kept_one.type, kept_one.deletes, kept_one.user.username) == ("delete", 1, ERASED)
    assert kept.find("ada") == []


def test_what_a_moderator_took_away_loses_its_name_too(kept: Kept) -> None:
    """Its text is gone already."""
    said = kept.say(1, "ada")
    kept.store.erase(ATTIC, EPOCH, 1)
    [trace] = kept.find("ada")
    assert isinstance(trace, SequencedMessage)
    assert kept.traces.erase(trace)
    assert [one.message for one in kept.history()] == [erased(said.message)]


def test_a_number_that_went_to_another_message_is_let_alone(kept: Kept) -> None:
    """In a new epoch of the room, or where a worker had died before the head moved."""
    said = kept.say(1, "ada")
    kept.store.append([replace(said, epoch=Epoch("f"))])
    assert not kept.traces.erase(said)
    again = kept.say(1, "bob")
    assert not kept.traces.erase(said)
    assert kept.history() == [again]
    assert not kept.traces.erase(replace(said, seq=5))
    assert [one.seq for one in kept.history()] == [1]


def test_a_name_like_the_erased_hides_nothing(kept: Kept) -> None:
    """A user of this name is erased like others."""
    said = kept.say(1, "ada", name=ERASED)
    assert kept.find("ada") == [said]


def test_sanctions_stay(kept: Kept) -> None:
    """Else a banned user would come back by being erased."""
    kept.store.sanction(ATTIC, ADA, Sanction.BAN, NOW + 60)
    assert kept.find("ada") == []
    assert kept.traces.drop(ADA, []) == 0
    assert kept.store.sanctions(ATTIC, ADA) == {Sanction.BAN: NOW + 60}


def test_all_pages_of_a_large_table_are_read_and_paid_for() -> None:
    """A page of a Scan ends at 1 MB; after each the reader waits, so that others are served."""
    with mock_aws():
        resources.create(PROJECT)
        waited: list[float] = []
        pages: list[object] = []
        client = resources.client("dynamodb")
        kept = tabled(Clock(), waited.append, client)

        def bill(parsed: dict[str, object], **_: object) -> None:
            pages.append(parsed)
            parsed["ConsumedCapacity"] = {"CapacityUnits": 256.0}

        client.meta.events.register("after-call.dynamodb.Scan", bill)
        for seq in range(1, 401):
            kept.say(seq, "ada" if seq % 2 else "bob", text="x" * 8000)
        found = {trace.seq for trace in kept.find("ada") if isinstance(trace, SequencedMessage)}
        assert found == set(range(1, 401, 2))
        assert len(pages) > 3
        assert waited == [256 / READS_PER_SECOND] * len(pages)


def test_writes_are_paid_for() -> None:
    """As a long message takes many units, and a partition takes few."""
    with mock_aws():
        resources.create(PROJECT)
        waited: list[float] = []
        client = resources.client("dynamodb")
        kept = tabled(Clock(), waited.append, client)

        def bill(parsed: dict[str, object], **_: object) -> None:
            parsed["ConsumedCapacity"] = {"CapacityUnits": 17.0}

        said = kept.say(1, "ada", text="x" * 16_000)
        client.meta.events.register("after-call.dynamodb.UpdateItem", bill)
        assert kept.traces.erase(said)
        assert waited == [17 / WRITES_PER_SECOND]


def test_a_table_that_does_not_answer_is_unavailable() -> None:
    """Every call says so."""
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        kept = tabled(Clock(), client=client)
        said = kept.say(1, "ada")

        def refuse(**_: object) -> None:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        client.meta.events.register("before-call.dynamodb", refuse)
        for call in (
            lambda: kept.traces.entries(ADA),
            lambda: kept.traces.drop(ADA, []),
            lambda: kept.find("ada"),
            lambda: kept.traces.erase(said),
        ):
            with pytest.raises(UnavailableError):
                call()
