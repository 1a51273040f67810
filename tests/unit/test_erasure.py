"""A user's data is taken away, over twins of the adapters, and over the emulated table."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from msgspec.structs import replace

from chalicelib.adapters.dynamodb.items import connection_key
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.adapters.dynamodb.traces import DynamoTraces
from chalicelib.core.errors import FrameError, UnavailableError
from chalicelib.core.history import ERASED
from chalicelib.core.jobs import PresenceJob, QueueDepth
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
from chalicelib.service.erasure import FUNCTION_SECONDS, Erased, Erasure
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.support import resources
from tests.support.builders import START, gateway_id
from tests.support.fake_meter import FakeMeter
from tests.support.fakes import (
    Announce,
    MemoryJobQueue,
    MemoryPoster,
    MemoryStore,
    MemoryTraces,
    silence,
)
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.store import Store
    from chalicelib.core.ports.traces import TraceStore

ADA, BOB = UserId("ada"), UserId("ada-2")
TEA, COFFEE = RoomId("tea"), RoomId("coffee")
EPOCH = Epoch("e")
ORIGIN = ApiStage("a1b2c3d4e5", "api")


class StoppedError(Exception):
    """The run ends here."""


@dataclass
class Place:
    """A store with what erasure needs around it."""

    store: Store
    traces: TraceStore
    job_queue: MemoryJobQueue = field(default_factory=MemoryJobQueue)
    poster: MemoryPoster = field(default_factory=MemoryPoster)
    slept: list[float] = field(default_factory=list)
    meanwhile: Callable[[], object] = lambda: None

    def erasure(self) -> Erasure:
        """The use case under test."""
        ids = itertools.count()
        runtime = Runtime(FakeMeter(), lambda: START, lambda: str(next(ids)), self.wait)
        adapters = Adapters(
            self.store, self.job_queue, lambda _: self.poster, cast("Authenticator", None)
        )
        use_cases = UseCases(adapters, runtime)
        return Erasure(
            self.store,
            self.traces,
            use_cases.closer,
            use_cases.notifier,
            self.job_queue.waiting,
            runtime,
        )

    def wait(self, seconds: float) -> None:
        """Let something happen instead of time."""
        self.slept.append(seconds)
        self.meanwhile()

    def erase(self, user: UserId = ADA) -> Erased:
        """Erase a user's data."""
        return self.erasure().erase(user)

    def connect(self, name: str, user: UserId, *rooms: RoomId) -> Connection:
        """Open a connection, and join some rooms."""
        one = Connection(
            gateway_id(name), User(user, "Ada"), Protocol.V1, int(START * 1000), ORIGIN
        )
        self.store.add(one)
        for room in rooms:
            one, _ = self.store.join(one, room)
        return one

    def say(self, user: UserId, *rooms: RoomId) -> list[SequencedMessage]:
        """Let a user say something, and number it."""
        said = []
        for room in rooms:
            head = self.store.head(room)
            message = Message(
                f"id-{head.seq}", room, "chat", "hi", User(user, "Ada"), gateway_id("1"), 1
            )
            said.append(SequencedMessage(head.seq + 1, head.epoch, message))
            self.store.append(said[-1:])
            self.store.advance(room, head, replace(head, seq=head.seq + 1))
        return said

    def fill(self) -> None:
        """Two users, each with connections and messages in two rooms."""
        for number, user in enumerate((ADA, BOB)):
            self.connect(f"{number}a", user, TEA, COFFEE)
            self.connect(f"{number}b", user, TEA)
            self.say(user, TEA, COFFEE, TEA)
            self.store.charge(user, 1, 1)
            self.store.sanction(TEA, user, Sanction.BAN, int(START) + 60)

    def history(self, room: RoomId) -> list[tuple[int, str, str]]:
        """Numbers, texts and names of a room's messages."""
        epoch = self.store.head(room).epoch
        read = self.store.messages(room, epoch, above=0, below=100_000, limit=100_000)
        return [(one.seq, one.message.text, one.message.user.username) for one in read]


def in_memory(announce: Announce = silence) -> Place:
    """A place over twins; what reads the traces announces its calls."""
    store = MemoryStore(lambda: START)
    return Place(store, MemoryTraces(store, announce))


def on_table(client: DynamoDBClient) -> Place:
    """A place over the emulated table."""
    return Place(
        DynamoStore(client, resources.TABLE, lambda: START),
        DynamoTraces(client, resources.TABLE, lambda _: None),
    )


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    """The emulated table's client."""
    with mock_aws():
        resources.create(PROJECT)
        yield resources.client("dynamodb")


@pytest.fixture(params=["memory", "table"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each place in turn, empty."""
    if request.param == "memory":
        return in_memory()
    return on_table(request.getfixturevalue("client"))


def items(client: DynamoDBClient) -> dict[tuple[str, str], Any]:
    """All that the table holds, but for versions, which any run may change."""
    found = [
        item
        for page in client.get_paginator("scan").paginate(TableName=resources.TABLE)
        for item in page["Items"]
    ]
    return {
        (item["pk"]["S"], item["sk"]["S"]): {
            name: value for name, value in item.items() if name != "version"
        }
        for item in found
    }


def test_texts_names_and_connections_of_one_user_go(place: Place) -> None:
    """In every room; numbers stay, and all that is another user's."""
    place.fill()
    erased = place.erase()
    assert (erased.messages, erased.items) == (3, 1)
    assert (erased.before, erased.absent) == (START, True)
    assert erased.connections == {gateway_id("0a"), gateway_id("0b")}
    assert set(place.poster.closed) == erased.connections
    assert place.history(TEA) == [
        (1, "", ERASED),
        (2, "", ERASED),
        (3, "hi", "Ada"),
        (4, "hi", "Ada"),
    ]
    assert place.history(COFFEE) == [(1, "", ERASED), (2, "hi", "Ada")]
    assert place.store.connection(gateway_id("0a")) is None
    assert place.store.head(TEA).members == 2
    assert [one.id for one in place.store.account(BOB).addresses] != []
    assert place.store.sanctions(TEA, ADA) != {}


def test_rooms_are_told_who_has_gone(place: Place) -> None:
    """As of any connection that ends."""
    place.fill()
    place.erase()
    left = [
        (job.room, user.user_id)
        for job in place.job_queue.jobs
        if isinstance(job, PresenceJob)
        for user in job.left
    ]
    assert sorted(left) == [(COFFEE, ADA), (TEA, ADA), (TEA, ADA)]


def test_a_second_run_changes_nothing(client: DynamoDBClient) -> None:
    """It reads the table once and writes nothing."""
    place = on_table(client)
    place.fill()
    place.erase()
    before = items(client)
    closed = list(place.poster.closed)
    slept = len(place.slept)
    erased = place.erase()
    assert (erased.messages, erased.connections, erased.items) == (0, set(), 0)
    assert erased.absent
    assert items(client) == before
    assert (place.poster.closed, len(place.slept)) == (closed, slept)


def test_nothing_holds_the_name_or_a_connection_any_more(client: DynamoDBClient) -> None:
    """Of what the table holds, only messages, sanctions and keys lead to the user id."""
    place = on_table(client)
    place.fill()
    place.erase()
    left = {
        key: item for key, item in items(client).items() if "ada" in str((key, item)).split("'")
    }
    assert {key[0][0] for key in left} == {"S"}
    for item in left.values():
        assert item.keys() == {
            "pk", "sk", "epoch", "id", "key", "type", "text", "user_id", "username", "sent_at",
            "expires_at",
        }  # fmt: skip
    for name in ("0a", "0b"):
        assert gateway_id(name) not in str(items(client))


def test_an_interrupted_run_is_made_good_by_the_next(client: DynamoDBClient) -> None:
    """Whichever call is the last one: both end in the same state as one that goes through."""
    place = on_table(client)
    place.connect("1", ADA, TEA, COFFEE)
    place.connect("2", BOB, TEA)
    place.say(ADA, TEA)
    place.store.charge(ADA, 1, 1)
    full = items(client)
    place.erase()
    wanted = items(client)
    calls = 0

    def stop(**_: object) -> None:
        nonlocal calls
        calls -= 1
        if calls == 0:
            raise StoppedError

    client.meta.events.register("after-call.dynamodb", stop)
    for last in itertools.count(1):
        restore(client, full)
        calls = last
        try:
            on_table(client).erase()
        except StoppedError:
            on_table(client).erase()
            assert drifting(items(client)) == drifting(wanted), last
        else:
            break
    assert last > 15


def drifting(found: dict[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
    """The items, but for the number of members, which a death may leave wrong until it is read."""
    return {
        key: {name: value for name, value in item.items() if name != "members"}
        for key, item in found.items()
    }


def test_a_connection_of_many_rooms_is_forgotten_in_two_attempts(client: DynamoDBClient) -> None:
    """Its places take more than one write; what leads to them goes last."""
    place = on_table(client)
    place.connect("1", ADA, *(RoomId(f"room-{number}") for number in range(30)))

    def stop(**_: object) -> None:
        raise StoppedError

    client.meta.events.register("after-call.dynamodb.BatchWriteItem", stop)
    with pytest.raises(StoppedError):
        place.erase()
    client.meta.events.unregister("after-call.dynamodb.BatchWriteItem", stop)
    place.erase()
    assert {pk[0] for pk, _ in items(client)} == {"R"}


def restore(client: DynamoDBClient, full: dict[tuple[str, str], Any]) -> None:
    """Put the table back to what it was."""
    table = {key: {**item, "version": {"N": "1"}} for key, item in full.items()}
    for pk, sk in items(client).keys() - table.keys():
        client.delete_item(TableName=resources.TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})
    for item in table.values():
        client.put_item(TableName=resources.TABLE, Item=item)


def test_throttled_writes_stop_it_and_the_next_run_goes_on(client: DynamoDBClient) -> None:
    """The error says so, and what is done stays done."""
    place = on_table(client)
    place.fill()
    left = 4

    def throttle(**_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            code = "ProvisionedThroughputExceededException"
            raise ClientError({"Error": {"Code": code, "Message": "too fast"}}, "UpdateItem")

    client.meta.events.register("before-call.dynamodb.UpdateItem", throttle)
    with pytest.raises(UnavailableError, match="too fast"):
        place.erase()
    left = 10_000
    assert place.erase().messages == 2
    assert place.erase().messages == 0


def test_a_member_without_a_connection_is_found(place: Place) -> None:
    """Its connection's item is gone, with nothing that leads to it."""
    one = place.connect("1", ADA, TEA, COFFEE)
    place.connect("2", BOB, TEA)
    forget_connection(place, one)
    erased = place.erase()
    assert (erased.connections, erased.absent) == ({one.id}, True)
    assert [member.id for member in members(place, TEA)] == [gateway_id("2")]
    assert members(place, COFFEE) == []


def forget_connection(place: Place, one: Connection) -> None:
    """Delete a connection's item and its entry alone."""
    if isinstance(place.store, MemoryStore):
        del place.store.connections[one.id]
    else:
        client = resources.client("dynamodb")
        client.delete_item(TableName=resources.TABLE, Key=connection_key(one.id))
    place.traces.drop(one.user.user_id, place.traces.entries(one.user.user_id))


def members(place: Place, room: RoomId) -> list[Any]:
    """A room's members."""
    return place.store.members_page(room, None, 100)[0]


def test_a_member_of_a_shard_that_a_new_head_knows_nothing_of_is_found() -> None:
    """It goes by the level at which it stands, not by the room's."""
    store = MemoryStore(lambda: START, capacity=(1, 10))
    place = Place(store, MemoryTraces(store))
    place.connect("1", BOB, TEA)
    place.connect("2", BOB, TEA)
    one = place.connect("3", ADA, TEA)
    assert (1, one.id) in store.rooms[TEA].members
    store.rooms[TEA].head = RoomHead(EPOCH)
    forget_connection(place, one)
    store.places.clear()
    assert place.erase().connections == {one.id}
    assert (1, one.id) not in store.rooms[TEA].members
    assert len(store.rooms[TEA].members) == 2


def test_a_connection_that_is_listed_nowhere_is_found(place: Place) -> None:
    """The entry may be lost, or have expired."""
    one = place.connect("1", ADA, TEA)
    place.traces.drop(ADA, place.traces.entries(ADA))
    assert place.erase().connections == {one.id}
    assert place.store.connection(one.id) is None
    assert members(place, TEA) == []


@pytest.mark.parametrize(
    "user", ["", "ada@example.com", "a\nb", "#", "🦊", "a" * 65, "a b", "\udc80"]
)
def test_what_can_be_no_user_id_is_refused(place: Place, user: str) -> None:
    """Else a wrong id would look like a user of whom there is nothing."""
    place.fill()
    with pytest.raises(FrameError):
        place.erase(UserId(user))
    assert place.poster.closed == []


def test_what_functions_have_begun_is_waited_for(place: Place) -> None:
    """Jobs of the user's last frames are there when the reading begins."""
    place.fill()
    place.meanwhile = lambda: place.say(ADA, TEA)
    erased = place.erase()
    assert (erased.messages, erased.absent) == (4, True)
    assert place.slept == [FUNCTION_SECONDS]


def test_who_comes_back_before_the_reading_is_put_out_again(place: Place) -> None:
    """As a client does that has lost its connection; that is no reason to run again."""
    place.fill()
    place.meanwhile = lambda: place.connect("again", ADA, TEA)
    erased = place.erase()
    assert gateway_id("again") in erased.connections
    assert erased.absent
    assert place.store.account(ADA).addresses == ()


def test_who_comes_back_after_that_is_put_out_and_told_of() -> None:
    """Newer messages may be where the reading has been already."""

    def announce(call: str) -> None:
        if call == "Scan":
            twins.connect("again", ADA, TEA)

    twins = in_memory(announce)
    twins.fill()
    assert not twins.erase().absent
    assert twins.store.account(ADA).addresses == ()


def test_who_is_there_without_being_listed_is_told_of() -> None:
    """A connection that the reading finds may have said something until then."""

    def come() -> QueueDepth:
        one = twins.connect("again", ADA, TEA)
        twins.traces.drop(ADA, [Address(one.id, ORIGIN, 0)])
        return QueueDepth()

    twins = in_memory()
    erased = replace(twins.erasure(), waiting=come).erase(ADA)
    assert (erased.connections, erased.absent) == ({gateway_id("again")}, False)


def test_who_publishes_meanwhile_is_told_of() -> None:
    """Over HTTP there is no connection; the charge tells."""

    def announce(call: str) -> None:
        if call == "Scan":
            twins.store.charge(ADA, 1, 1)

    twins = in_memory(announce)
    twins.fill()
    assert not twins.erase().absent


def test_what_waits_is_counted_before_the_reading_begins() -> None:
    """A message numbered during it may come behind what has been read."""

    def announce(call: str) -> None:
        if call == "Scan":
            twins.job_queue.jobs.clear()

    twins = in_memory(announce)
    twins.say(ADA, TEA)
    twins.job_queue.publish(PresenceJob(TEA, "1"))
    assert twins.erase().waiting == QueueDepth(1, 0)
    assert twins.erase().waiting == QueueDepth(0, 0)


def test_a_state_in_memory_is_the_same_after_a_second_run() -> None:
    """The twin is held to it, too."""
    place = in_memory()
    place.fill()
    place.erase()
    assert isinstance(place.store, MemoryStore)
    before = copy.deepcopy((place.store.rooms, place.store.connections, place.store.places))
    place.erase()
    assert (place.store.rooms, place.store.connections, place.store.places) == before
