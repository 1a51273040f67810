"""Contract of stores: the DynamoDB one, and its fake in memory."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws
from msgspec.structs import replace

from chalicelib.adapters.dynamodb.items import head_key, place_key, user_connection_key
from chalicelib.adapters.dynamodb.shards import REFRESH
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.errors import Code, FrameError, UnavailableError
from chalicelib.core.identity import Rights
from chalicelib.core.limits import ROOMS_LIMIT
from chalicelib.core.model import (
    LOBBY,
    Address,
    ApiStage,
    Connection,
    ConnectionId,
    Epoch,
    Member,
    Message,
    Protocol,
    RoomHead,
    RoomId,
    Sanction,
    SequencedMessage,
    SlotRange,
    User,
    UserId,
    Wait,
    room_digest,
    slot,
)
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.ports.store import CONNECTION_LIFE, HEAD_LIFE, HISTORY_LIFE
from chalicelib.core.shards import CAPACITY, LEVELS, PARTS, WHOLE, ShardState, shard_of, shards_of
from chalicelib.service.member_cache import MemberCache, MemberCount
from tests.support import resources
from tests.support.builders import gateway_id
from tests.support.fakes import MemoryStore
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.store import Store
    from chalicelib.core.shards import Shard

NOW = 1_795_543_903
ATTIC = RoomId("attic")


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


@pytest.fixture(params=["memory", "dynamo", "past"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Iterator[Store]:
    """Each store in turn, empty; the last one's table answers from the past wherever it may."""
    if request.param == "memory":
        yield MemoryStore(clock)
        return
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        if request.param == "past":
            answer_from_the_past(client)
        yield DynamoStore(client, resources.TABLE, clock)


def answer_from_the_past(client: DynamoDBClient) -> None:
    """Have reads that are not strongly consistent answered as of when there was nothing."""
    past = f"{resources.TABLE}-past"
    resources.create_table(PROJECT, past)

    def turn(params: dict[str, Any], model: Any, **_: object) -> None:
        if model.name in ("GetItem", "Query", "Scan") and not params.get("ConsistentRead"):
            params["TableName"] = past
        elif model.name == "BatchGetItem":
            [(table, request)] = params["RequestItems"].items()
            if not request.get("ConsistentRead"):
                params["RequestItems"] = {past: request}
            assert table == resources.TABLE

    client.meta.events.register("before-parameter-build.dynamodb", turn)


def connection(name: str, protocol: Protocol = Protocol.V1) -> Connection:
    """A connection that opened just now."""
    return Connection(
        id=gateway_id(name),
        user=User(UserId(f"user-{name}"), name),
        protocol=protocol,
        connected_at=NOW * 1000,
        api_stage=ApiStage("a1b2c3d4e5", "api"),
    )


def added(store: Store, name: str, *joined: RoomId) -> Connection:
    """A connection that the store knows, in some rooms."""
    one = connection(name)
    store.add(one)
    return joining(store, one, *joined)


def joining(store: Store, one: Connection, *joined: RoomId) -> Connection:
    """A connection as it is after it has joined some rooms."""
    for room in joined:
        one, _ = store.join(one, room)
    return one


def message(number: int, text: str = "hi", room: RoomId = LOBBY) -> Message:
    """A message with an id of its own."""
    return Message(
        id=f"id-{number}",
        room=room,
        type="chat",
        text=text,
        user=User(UserId("user-Ada"), "Ada"),
        sender=gateway_id("Ada"),
        sent_at=NOW * 1000 + number,
    )


def say(store: Store, messages: Sequence[Message], room: RoomId = LOBBY) -> RoomHead:
    """Number messages as the broadcast does, and return where the room stands then."""
    head, known = store.numbers(room, {one.key for one in messages})
    numbering = assign_numbers(head, known, messages)
    store.append(numbering.fresh)
    advanced = store.advance(room, head, numbering.head)
    assert advanced is not None
    return advanced


def read(
    store: Store, head: RoomHead, above: int = 0, below: int = 10_000, *, newest_first: bool = False
) -> list[int]:
    """The numbers of the lobby's kept messages."""
    kept = store.messages(
        LOBBY, head.epoch, above=above, below=below, limit=10_000, newest_first=newest_first
    )
    return [one.seq for one in kept]


def members(store: Store, room: RoomId = LOBBY) -> list[Member]:
    """A room's members, shard by shard."""
    shards = shards_of(SlotRange(), store.head(room).level)
    return [member for shard in shards for member in store.members(room, shard, SlotRange())]


def names(store: Store, room: RoomId = LOBBY) -> set[str]:
    """The names of a room's members."""
    return {member.user.username for member in members(store, room)}


def test_a_connection_comes_back_as_it_was_added(store: Store) -> None:
    """Every field of a connection survives the table, and the rooms it joins show in it."""
    ada = added(store, "Ada")
    assert store.connection(ada.id) == ada
    in_both = joining(store, ada, LOBBY, ATTIC)
    assert store.connection(ada.id) == in_both == replace(ada, digests=in_both.digests)
    assert len(in_both.rooms) == 2
    assert LOBBY in in_both.rooms
    assert ATTIC in in_both.rooms
    assert RoomId("att") not in in_both.rooms


def test_an_unknown_connection_is_none(store: Store) -> None:
    """A connection that was never added is not found, rather than an error."""
    assert store.connection(gateway_id("nobody")) is None


def test_an_unknown_connection_cannot_join(store: Store) -> None:
    """A join that comes after the disconnect leaves no member behind."""
    with pytest.raises(FrameError) as refusal:
        store.join(connection("Ada"), LOBBY)
    assert refusal.value.code is Code.UNKNOWN_CONNECTION
    assert names(store) == set()


def test_rooms_per_connection_are_bounded(store: Store) -> None:
    """One room too many is refused, and joining one of them again is not."""
    ada = added(store, "Ada", *(RoomId(f"room {n}") for n in range(ROOMS_LIMIT)))
    with pytest.raises(FrameError) as refusal:
        store.join(ada, LOBBY)
    assert refusal.value.code is Code.TOO_MANY_ROOMS
    assert names(store) == set()
    store.join(ada, RoomId("room 7"))


def test_members_are_the_connections_of_that_room_alone(store: Store) -> None:
    """A connection is a member of each of its rooms and of no other."""
    added(store, "Ada", LOBBY, ATTIC)
    added(store, "Bob", LOBBY)
    assert names(store) == {"Ada", "Bob"}
    assert names(store, ATTIC) == {"Ada"}
    assert names(store, RoomId("att")) == set()


def test_a_member_is_known_with_its_protocol_and_its_api(store: Store) -> None:
    """The broadcast learns from the member alone how and where to speak to it, and since when."""
    plain = connection("Ada", Protocol.PLAIN)
    store.add(plain)
    store.join(plain, LOBBY)
    assert members(store) == [
        Member(plain.id, plain.user, Protocol.PLAIN, plain.api_stage, plain.connected_at)
    ]


def test_a_large_room_is_read_to_its_last_member(store: Store) -> None:
    """Members beyond the first page of 1 MB are not lost."""
    crowd = [
        replace(connection(str(n)), user=User(UserId(str(n)), "x" * 20_000)) for n in range(60)
    ]
    for one in crowd:
        store.add(one)
        store.join(one, LOBBY)
    assert {member.id for member in members(store)} == {one.id for one in crowd}


def test_pages_of_members_hold_everyone_once(store: Store) -> None:
    """Going on from each page's place meets every member once, and then ends."""
    crowd = {added(store, str(n), LOBBY).id for n in range(25)}
    seen: list[ConnectionId] = []
    place: str | None = None
    while True:
        page, place, units = store.members_page(LOBBY, place, 4)
        seen += [member.id for member in page]
        assert 0 < units < 4
        if place is None:
            break
        assert len(page) >= 4
    assert len(seen) == len(crowd)
    assert set(seen) == crowd


def test_a_page_goes_on_with_the_very_next_hash(store: Store) -> None:
    """Two members whose hashes follow each other are both found, whatever their ids."""
    names = {slot(gateway_id(name)): name for name in map(str, range(3000))}
    one, other = next(
        (name, names[at + 1])
        for at, name in names.items()
        if at + 1 in names and gateway_id(names[at + 1])[0] < "g"
    )
    first, second = added(store, one, LOBBY), added(store, other, LOBBY)
    page, place, _ = store.members_page(LOBBY, None, 1)
    assert [one.id for one in page] == [first.id]
    page, place, _ = store.members_page(LOBBY, place, 1)
    assert ([one.id for one in page], place) == ([second.id], None)


def test_every_join_and_leave_changes_the_version(store: Store) -> None:
    """A reader of the members can tell by the version whether they are still the same."""
    ada, bob = added(store, "Ada"), added(store, "Bob")
    heads = [store.join(ada, LOBBY)[1]]
    bob, head = store.join(bob, LOBBY)
    heads.append(head)
    store.leave(bob, LOBBY)
    heads.append(store.head(LOBBY))
    store.forget(ada.id)
    heads.append(store.head(LOBBY))
    assert len({head.version for head in heads}) == len(heads)
    assert [head.members for head in heads] == [1, 2, 1, 0]
    assert len({head.epoch for head in heads}) == 1


def test_joining_again_changes_nothing(store: Store) -> None:
    """A member that comes back to its room makes nobody read the members again."""
    ada, head = store.join(added(store, "Ada"), LOBBY)
    assert store.join(ada, LOBBY) == (ada, head)
    assert store.head(LOBBY) == head
    say(store, [message(1)])
    assert store.join(ada, LOBBY)[1].seq == 1


def test_a_join_makes_a_member_good_that_is_missing(store: Store) -> None:
    """One that counts as joined and is no member, for whatever reason, is one after it joins."""
    ada = added(store, "Ada", LOBBY)
    store.forget(ada.id)
    store.add(connection("Ada"))
    again, head = store.join(ada, LOBBY)
    assert names(store) == {"Ada"}
    assert (head.members, LOBBY in again.rooms) == (1, True)


def test_leaving_tells_who_left(store: Store) -> None:
    """A departure names the user and how many are left; leaving again is none.

    What a leave that died may have left undone is done: the version of one that counts as joined
    changes even without a member.
    """
    ada = added(store, "Ada", LOBBY)
    added(store, "Bob", LOBBY)
    departure = store.leave(ada, LOBBY)
    assert departure is not None
    assert (departure.room, departure.user, departure.members) == (LOBBY, ada.user, 1)
    assert store.connection(ada.id) == replace(connection("Ada"), leaves=1)
    version = store.head(LOBBY).version
    assert store.leave(connection("Ada"), LOBBY) is None
    assert store.head(LOBBY).version == version
    assert store.leave(ada, LOBBY) is None
    assert store.head(LOBBY).version != version


def test_leaving_after_the_disconnect_revives_nothing(store: Store) -> None:
    """A leave that is overtaken by the disconnect leaves nothing of the connection behind."""
    ada = added(store, "Ada", LOBBY)
    store.forget(ada.id)
    store.leave(ada, LOBBY)
    assert store.connection(ada.id) is None
    assert names(store) == set()


def test_forgetting_removes_the_connection_from_every_room(store: Store) -> None:
    """A forgotten connection is neither a connection nor a member any more."""
    ada = added(store, "Ada", LOBBY, ATTIC)
    added(store, "Bob", LOBBY)
    departures = store.forget(ada.id)
    assert {(one.room, one.user.username, one.members) for one in departures} == {
        (LOBBY, "Ada", 1),
        (ATTIC, "Ada", 0),
    }
    assert store.connection(ada.id) is None
    assert names(store) == {"Bob"}
    assert names(store, ATTIC) == set()


def test_forgetting_twice_is_forgetting_once(store: Store) -> None:
    """A disconnect and a 410 for one connection may both come, in any order."""
    ada = added(store, "Ada", LOBBY)
    assert len(store.forget(ada.id, LOBBY)) == 1
    assert store.forget(ada.id, LOBBY) == []
    assert store.forget(gateway_id("nobody"), RoomId("nowhere")) == []
    assert names(store) == set()


def test_expired_items_are_not_seen_even_before_the_table_deletes_them(
    store: Store, clock: Clock
) -> None:
    """TTL deletion lags by days, so expiry is decided at the read."""
    ada = added(store, "Ada", LOBBY)
    head = say(store, [message(1)])
    clock.now = NOW + CONNECTION_LIFE - 1
    assert store.connection(ada.id) is not None
    assert names(store) == {"Ada"}
    clock.now = NOW + CONNECTION_LIFE
    assert store.connection(ada.id) is None
    assert names(store) == set()
    assert read(store, head) == [1]
    clock.now = NOW + HISTORY_LIFE
    assert read(store, head) == []


def aged(store: Store, clock: Clock, *ages: int) -> RoomHead:
    """A room of messages that were appended so many seconds ago, in this order."""
    now = clock.now
    for number, age in enumerate(ages):
        clock.now = now - age
        head = say(store, [message(number)])
    clock.now = now
    return head


def test_a_page_is_full_of_messages_that_are_kept(store: Store, clock: Clock) -> None:
    """An expired message that is not deleted yet takes nobody's place, from either end."""
    head = aged(store, clock, *[HISTORY_LIFE] * 30, *[60] * 30)
    for limit in (1, 2, 7, 30, 100):
        count = min(limit, 30)
        oldest = store.messages(LOBBY, head.epoch, above=0, below=61, limit=limit)
        assert [one.seq for one in oldest] == list(range(31, 31 + count))
        newest = store.messages(
            LOBBY, head.epoch, above=0, below=61, limit=limit, newest_first=True
        )
        assert [one.seq for one in newest] == list(range(60, 60 - count, -1))
    for above in (28, 29, 30, 31):
        found = store.messages(LOBBY, head.epoch, above=above, below=61, limit=3)
        assert [one.seq for one in found] == [max(above, 30) + n for n in (1, 2, 3)]


def test_a_message_that_expires_before_an_older_one_takes_nobodys_place(
    store: Store, clock: Clock
) -> None:
    """Clocks of workers differ: one among the living, the newest and the oldest are left out."""
    old, young = HISTORY_LIFE, HISTORY_LIFE - 1
    head = aged(store, clock, old, young, old, young, young, old)
    for newest_first in (False, True):
        kept = [5, 4, 2] if newest_first else [2, 4, 5]
        assert read(store, head, newest_first=newest_first) == kept
        for limit in (2, 3):
            found = store.messages(
                LOBBY, head.epoch, above=0, below=7, limit=limit, newest_first=newest_first
            )
            assert [one.seq for one in found] == kept[:limit]
    assert [one.seq for one in store.messages(LOBBY, head.epoch, above=2, below=7, limit=1)] == [4]


@pytest.mark.parametrize("expired", [300, 3_000])
def test_finding_what_is_kept_reads_little_of_what_has_expired(
    containers: Containers, clock: Clock, expired: int
) -> None:
    """However much the table has not deleted yet, in part or not at all: a few Queries find it."""
    store = containers.new()
    head = store.head(LOBBY)
    everything = [SequencedMessage(n, head.epoch, message(n)) for n in range(1, expired + 4)]
    clock.now = NOW - HISTORY_LIFE
    store.append([one for one in everything[:expired] if one.seq % 5])
    clock.now = NOW
    store.append(everything[expired:])
    for limit in (2, 100):
        kept = store.messages(LOBBY, head.epoch, above=0, below=expired + 4, limit=limit)
        assert list(kept) == everything[expired:][:limit]
        assert kept.units <= expired.bit_length() + 3
    kept = store.messages(
        LOBBY, head.epoch, above=0, below=expired + 4, limit=100, newest_first=True
    )
    assert list(kept) == everything[expired:][::-1]
    assert kept.units <= 5


def test_messages_come_back_as_they_were_appended(store: Store) -> None:
    """Every field of a message survives the table, whatever characters its text has."""
    said = [message(1, "\x00\ufffe 😀"), message(2, "")]
    head = say(store, said)
    kept = list(store.messages(LOBBY, head.epoch, above=0, below=3, limit=9))
    assert kept == [SequencedMessage(n, head.epoch, one) for n, one in enumerate(said, 1)]


def test_history_is_read_in_both_directions_and_between_bounds(store: Store) -> None:
    """The bounds are exclusive, whatever they are, and long histories are read to their end."""
    for start in range(0, 60, 30):
        head = say(store, [message(n) for n in range(start, start + 30)])
    assert read(store, head) == list(range(1, 61))
    assert read(store, head, newest_first=True) == list(range(60, 0, -1))
    assert read(store, head, above=10, below=14) == [11, 12, 13]
    assert read(store, head, above=10, below=14, newest_first=True) == [13, 12, 11]
    assert read(store, head, above=10, below=11) == []
    assert read(store, head, above=90, below=11) == []


def test_another_epochs_messages_are_not_mixed_in(store: Store) -> None:
    """The rest of a room before it was started anew is never read as new."""
    head = say(store, [message(1), message(2)])
    assert list(store.messages(LOBBY, Epoch("other"), above=0, below=9, limit=9)) == []
    assert read(store, head) == [1, 2]


def test_a_head_moves_only_from_where_it_is_known_to_be(store: Store) -> None:
    """The second of two workers that number the same batch is told that it lost."""
    start = store.head(LOBBY)
    first = assign_numbers(start, {}, [message(1)])
    assert store.advance(LOBBY, start, first.head) is not None
    assert store.advance(LOBBY, start, first.head) is None
    other = assign_numbers(store.head(RoomId("new")), {}, [message(1)])
    assert store.advance(LOBBY, replace(start, epoch=Epoch("x")), other.head) is None
    assert store.head(LOBBY).seq == 1


def test_a_head_made_by_a_join_is_not_lost_to_a_first_message(store: Store) -> None:
    """A worker that saw no head loses against a join that made one, and then goes on from it."""
    unseen = store.head(LOBBY)
    _, joined = store.join(added(store, "Ada"), LOBBY)
    numbering = assign_numbers(unseen, {}, [message(1)])
    assert store.advance(LOBBY, unseen, numbering.head) is None
    assert say(store, [message(1)]).epoch == joined.epoch


def test_advancing_returns_the_version_of_that_moment(store: Store) -> None:
    """The broadcast learns in the same write whether its members are still right."""
    before = store.head(LOBBY)
    _, joined = store.join(added(store, "Ada"), LOBBY)
    head = say(store, [message(1)])
    assert (head.version, head.members) == (joined.version, 1)
    assert head.version != before.version


def test_appending_again_is_appending_once(store: Store) -> None:
    """A batch that is written again, by the same worker or another, changes nothing."""
    head = say(store, [message(1), message(2)])
    store.append(
        [SequencedMessage(1, head.epoch, message(1)), SequencedMessage(2, head.epoch, message(2))]
    )
    assert read(store, head) == [1, 2]


def test_more_messages_than_one_write_takes(store: Store) -> None:
    """Batches are cut to what DynamoDB accepts."""
    assert read(store, say(store, [message(n) for n in range(60)])) == list(range(1, 61))


def numbers(store: Store, *wanted: int, room: RoomId = LOBBY) -> dict[int, int]:
    """The numbers of those of some messages that have one, by the numbers of their ids."""
    keys = {message(number).key: number for number in wanted}
    _, known = store.numbers(room, keys)
    return {keys[key]: seq for key, seq in known.items()}


def test_a_message_is_found_by_its_key(store: Store, clock: Clock) -> None:
    """It has its number for as long as it is kept, however many have come after it."""
    for start in range(0, 150, 50):
        head = say(store, [message(n) for n in range(start, start + 50)])
    assert numbers(store, 3, 148, 9999) == {3: 4, 148: 149}
    assert store.numbers(LOBBY, [message(3).key])[0] == head
    assert numbers(store, 3, room=RoomId("new")) == {}
    clock.now = NOW + HISTORY_LIFE - 1
    assert numbers(store, 3) == {3: 4}
    clock.now = NOW + HISTORY_LIFE
    assert numbers(store, 3) == {}


def test_the_number_of_a_worker_that_died_is_not_believed(store: Store) -> None:
    """Keys of a worker that died before it moved the head count for nothing, then or later."""
    head = say(store, [message(1)])
    store.append(
        [SequencedMessage(2, head.epoch, message(2)), SequencedMessage(3, head.epoch, message(3))]
    )
    assert numbers(store, 1, 2, 3) == {1: 1}
    say(store, [message(4), message(5)])
    assert numbers(store, 1, 2, 3, 4, 5) == {1: 1, 4: 2, 5: 3}
    say(store, [message(2)])
    assert numbers(store, 2, 3) == {2: 4}


def test_of_two_keys_of_one_number_that_of_the_message_counts(store: Store) -> None:
    """Two workers that number at once both note a key; the message that is kept tells which."""
    head = store.head(LOBBY)
    store.append([SequencedMessage(1, head.epoch, message(1))])
    store.append([SequencedMessage(1, head.epoch, message(2))])
    assert store.advance(LOBBY, head, replace(head, seq=1))
    assert numbers(store, 1, 2) == {2: 1}
    assert numbers(store, 1) == {}


def test_a_number_of_another_epoch_is_none(store: Store) -> None:
    """A message numbered before a room was started anew gets a new number in it."""
    store.append([SequencedMessage(1, Epoch("another"), message(1))])
    head = store.head(LOBBY)
    store.append([SequencedMessage(1, head.epoch, message(2))])
    assert store.advance(LOBBY, head, replace(head, seq=1))
    assert numbers(store, 1, 2) == {2: 1}


def test_the_number_of_members_is_mended_only_where_nobody_came_meanwhile(store: Store) -> None:
    """A correction that is out of date is dropped."""
    added(store, "Ada", LOBBY)
    head = store.head(LOBBY)
    store.repair_member_count(LOBBY, WHOLE, ShardState(head.version, 7))
    assert store.head(LOBBY).members == 7
    added(store, "Bob", LOBBY)
    store.repair_member_count(LOBBY, WHOLE, ShardState(head.version, 1))
    assert store.head(LOBBY).members == 8


def test_nobody_counts_as_less_than_none(store: Store) -> None:
    """Deaths between two writes may leave a number below zero; it is told as 0."""
    ada = added(store, "Ada", LOBBY)
    store.repair_member_count(LOBBY, WHOLE, ShardState(store.head(LOBBY).version, 0))
    departure = store.leave(ada, LOBBY)
    assert departure is not None
    assert departure.members == store.head(LOBBY).members == 0


def test_a_table_that_fails_is_unavailable() -> None:
    """An AWS error becomes the project's own, in every method."""
    with mock_aws():
        store = DynamoStore(resources.client("dynamodb"), "missing", Clock())
        ada, head = connection("Ada"), RoomHead(Epoch("e"))
        mine = replace(ada, digests=frozenset({room_digest(ada.id, LOBBY)}))
        numbered = [SequencedMessage(1, head.epoch, message(1))]
        member = Member(ada.id, ada.user, ada.protocol, ada.api_stage, ada.connected_at)
        for call in (
            lambda: store.add(ada),
            lambda: store.connection(ada.id),
            lambda: store.join(ada, LOBBY),
            lambda: store.join(mine, LOBBY),
            lambda: store.renew(ada),
            lambda: store.extend(ada, LOBBY),
            lambda: store.leave(ada, LOBBY),
            lambda: store.leave(mine, LOBBY),
            lambda: store.forget(ada.id),
            lambda: store.forget_all([member], LOBBY, 0),
            lambda: list(store.members(LOBBY, WHOLE, SlotRange())),
            lambda: store.shards(LOBBY, LEVELS[1]),
            lambda: store.count(LOBBY, WHOLE),
            lambda: store.head(LOBBY, consistent=False),
            lambda: store.note_signals(LOBBY, Wait(1, 2)),
            lambda: store.erase(LOBBY, head.epoch, 1),
            lambda: store.sanction(LOBBY, ada.user.user_id, Sanction.BAN, 1),
            lambda: store.sanctions(LOBBY, ada.user.user_id),
            lambda: store.mute(ada.id, LOBBY, 1),
            lambda: store.members_page(LOBBY, None, 3),
            lambda: store.head(LOBBY),
            lambda: store.append(numbered),
            lambda: store.advance(LOBBY, head, head),
            lambda: store.repair_member_count(LOBBY, WHOLE, ShardState(1, 1)),
            lambda: read(store, head),
            lambda: store.numbers(LOBBY, [message(1).key]),
            lambda: store.admit(ada.id, 1, 0),
            lambda: store.charge(ada.user.user_id, 1, 0),
            lambda: store.raise_arrival_time(ada.id, 1),
            lambda: store.raise_user_arrival_time(ada.user.user_id, 1),
            lambda: store.claim_refusal(ada.id, 0, 1),
            lambda: store.account(ada.user.user_id),
            lambda: store.block_user(ada.user.user_id, 1),
            lambda: store.claim_inquiry(ada.user.user_id, 0, 1),
        ):
            with pytest.raises(UnavailableError, match="missing"):
                call()


def test_a_renewed_token_changes_rights_and_end_everywhere_but_no_version(store: Store) -> None:
    """The connection and each of its places in rooms know the end; the rooms stay as they were."""
    ada = replace(connection("Ada"), until=NOW + 10)
    store.add(ada)
    ada = joining(store, ada, LOBBY, ATTIC)
    heads = [store.head(room) for room in (LOBBY, ATTIC)]
    rights = Rights(join=("lobby", "a*"), publish=(), moderate=("attic",))
    renewed = replace(ada, rights=rights, until=NOW + 3600)
    # Its rooms are read anew: a join that was under way may have noted another one.
    assert store.renew(replace(renewed, digests=frozenset())) == [ATTIC, LOBBY]
    for room in (LOBBY, ATTIC):
        store.extend(renewed, room)
        assert [member.until for member in members(store, room)] == [NOW + 3600]
    assert store.connection(ada.id) == renewed
    assert [store.head(room) for room in (LOBBY, ATTIC)] == heads


def test_renewing_brings_nothing_back(store: Store) -> None:
    """A connection that was forgotten meanwhile, or has left a room, is not there again."""
    ada = replace(connection("Ada"), until=NOW + 10)
    store.add(ada)
    ada = joining(store, ada, LOBBY)
    store.forget(ada.id)
    assert store.renew(ada) == []
    assert store.connection(ada.id) is None
    for room in (LOBBY, ATTIC):
        store.extend(ada, room)
        assert members(store, room) == []


def test_sanctions_hold_until_they_end(store: Store, clock: Clock) -> None:
    """Each kind by itself, for one user in one room; a new one takes the old one's place."""
    ada, bob = UserId("ada"), UserId("ada-b")
    store.sanction(LOBBY, ada, Sanction.BAN, NOW + 60)
    store.sanction(LOBBY, ada, Sanction.MUTE, NOW + 10)
    store.sanction(LOBBY, ada, Sanction.MUTE, NOW + 30)
    assert store.sanctions(LOBBY, ada) == {Sanction.BAN: NOW + 60, Sanction.MUTE: NOW + 30}
    assert store.sanctions(LOBBY, bob) == store.sanctions(ATTIC, ada) == {}
    clock.now = NOW + 30
    assert store.sanctions(LOBBY, ada) == {Sanction.BAN: NOW + 60}
    store.sanction(LOBBY, ada, Sanction.BAN, NOW + 30)
    assert store.sanctions(LOBBY, ada) == {}


def test_a_mute_is_noted_with_connections_wherever_they_are(store: Store) -> None:
    """It outlives a leave and holds after a join; one that is not known gets none."""
    ada = added(store, "Ada", LOBBY)
    store.mute(ada.id, LOBBY, NOW + 60)
    store.mute(ada.id, ATTIC, NOW + 30)
    store.mute(gateway_id("nobody"), LOBBY, NOW + 60)
    store.leave(ada, LOBBY)
    kept = joining(store, connection("Ada"), ATTIC, LOBBY)
    assert (kept.muted_until(LOBBY), kept.muted_until(ATTIC)) == (NOW + 60, NOW + 30)
    assert store.connection(ada.id) == kept
    assert store.connection(gateway_id("nobody")) is None


def test_a_mute_that_has_ended_is_forgotten_with_the_next(store: Store, clock: Clock) -> None:
    """The item that each frame writes does not grow with them; those that hold stay."""
    ada = added(store, "Ada")
    rooms = [RoomId(f"room {number}") for number in range(60)]
    for room in rooms:
        store.mute(ada.id, room, NOW + 10)
    store.mute(ada.id, ATTIC, NOW + 60)
    clock.now = NOW + 10
    for _ in range(2):
        store.mute(ada.id, LOBBY, NOW + 30)
    kept = store.connection(ada.id)
    assert kept is not None
    assert kept.mutes == {
        room_digest(ada.id, ATTIC): NOW + 60,
        room_digest(ada.id, LOBBY): NOW + 30,
    }
    store.mute(ada.id, LOBBY, NOW + 10)
    assert store.connection(ada.id) == replace(ada, mutes={room_digest(ada.id, ATTIC): NOW + 60})


def test_an_ended_mute_that_is_laid_anew_stays(containers: Containers, clock: Clock) -> None:
    """A cleaner leaves a sanction alone that another moderator has laid again meanwhile."""
    store = containers.new()
    ada = added(store, "Ada")
    client = resources.client("dynamodb")
    calls = itertools.count()

    def lay_before_the_second(**_: object) -> None:
        if next(calls) == 1:
            store.mute(ada.id, ATTIC, NOW + 60)

    store.mute(ada.id, ATTIC, NOW + 1)
    clock.now = NOW + 1
    client.meta.events.register("before-call.dynamodb.UpdateItem", lay_before_the_second)
    DynamoStore(client, resources.TABLE, clock).mute(ada.id, LOBBY, NOW + 30)
    kept = store.connection(ada.id)
    assert kept is not None
    assert (kept.muted_until(ATTIC), kept.muted_until(LOBBY)) == (NOW + 60, NOW + 30)


def test_a_join_mutes_in_the_write_that_lets_one_speak(store: Store) -> None:
    """A mute found by the look at the sanctions holds from the first moment on, there alone."""
    ada, _ = store.join(added(store, "Ada"), LOBBY, NOW + 60)
    assert store.connection(ada.id) == ada
    assert (ada.muted_until(LOBBY), ada.muted_until(ATTIC)) == (NOW + 60, None)


def test_an_erased_message_keeps_its_place(store: Store) -> None:
    """Its text is gone; its number, its author and its key are not."""
    head = say(store, [message(1, "the secret"), message(2)])
    store.erase(LOBBY, Epoch("another"), 2)
    store.erase(LOBBY, head.epoch, 99)
    for _ in range(2):
        store.erase(LOBBY, head.epoch, 1)
    first, second = store.messages(LOBBY, head.epoch, above=0, below=10, limit=9)
    assert first == SequencedMessage(1, head.epoch, replace(message(1, ""), type="deleted"))
    assert second == SequencedMessage(2, head.epoch, message(2))
    assert numbers(store, 1) == {1: 1}


def test_a_tombstone_is_kept_as_it_was(store: Store) -> None:
    """It comes from no connection, names what it is about, and cannot be erased itself."""
    tombstone = replace(message(2, ""), type="delete", sender=None, deletes=1)
    head = say(store, [message(1), tombstone])
    store.erase(LOBBY, head.epoch, 2)
    *_, last = store.messages(LOBBY, head.epoch, above=0, below=10, limit=9)
    assert last == SequencedMessage(2, head.epoch, tombstone)


def test_each_frame_is_charged_in_the_call_that_reads_its_connection(store: Store) -> None:
    """The first one from the start that is given, the others from where the last one ended."""
    ada = added(store, "Ada", LOBBY)
    first, second = store.admit(ada.id, 50, 1000), store.admit(ada.id, 20, 5000)
    assert first is not None
    assert second is not None
    assert (first.arrival_time, second.arrival_time) == (1050, 1070)
    assert first.connection == ada
    assert LOBBY in first.connection.rooms
    assert store.connection(ada.id) == first.connection


def test_who_is_not_there_is_not_charged(store: Store, clock: Clock) -> None:
    """Neither one that was forgotten, which stays so, nor one that has expired."""
    ada, bob = added(store, "Ada"), added(store, "Bob")
    store.forget(ada.id)
    assert store.admit(ada.id, 1, 0) is None
    store.raise_arrival_time(ada.id, 9)
    assert not store.claim_refusal(ada.id, 0, 9)
    assert store.connection(ada.id) is None
    clock.now = NOW + CONNECTION_LIFE
    assert store.admit(bob.id, 1, 0) is None


def test_what_is_paid_is_settled_upwards_only(store: Store) -> None:
    """Of two that cut an idle one's credit, or one that is late, none takes a charge back."""
    ada = added(store, "Ada")
    store.admit(ada.id, 10, 0)
    store.raise_arrival_time(ada.id, 500)
    store.raise_arrival_time(ada.id, 300)
    entry = store.admit(ada.id, 10, 0)
    assert entry is not None
    assert entry.arrival_time == 510
    user = ada.user.user_id
    assert store.charge(user, 10, 0) == 10
    store.raise_user_arrival_time(user, 500)
    store.raise_user_arrival_time(user, 300)
    assert store.charge(user, 10, 0) == 510


def test_one_alone_takes_it_on_to_answer(store: Store) -> None:
    """Of those that have read the same, the second is told that it has been done."""
    ada = added(store, "Ada")
    assert store.claim_refusal(ada.id, 0, 7000)
    assert not store.claim_refusal(ada.id, 0, 7001)
    entry = store.admit(ada.id, 1, 0)
    assert entry is not None
    assert entry.answered == 7000
    assert store.claim_refusal(ada.id, 7000, 8000)


def test_an_account_lists_a_user_s_connections(store: Store, clock: Clock) -> None:
    """Those that are there, with where to reach them; the user's own item is none of them."""
    first, other = added(store, "Ada"), added(store, "Bob")
    second = replace(connection("Ada 2"), user=first.user, api_stage=ApiStage("other", "prod"))
    store.add(second)
    store.charge(first.user.user_id, 1, 0)
    account = store.account(first.user.user_id)
    assert set(account.addresses) == {
        Address(first.id, first.api_stage, first.connected_at),
        Address(second.id, second.api_stage, second.connected_at),
    }
    assert (account.blocked_until, account.asked_at) == (0, 0)
    store.forget(first.id)
    left, others = store.account(first.user.user_id), store.account(other.user.user_id)
    assert left.addresses == (Address(second.id, second.api_stage, second.connected_at),)
    assert others.addresses == (Address(other.id, other.api_stage, other.connected_at),)
    clock.now = NOW + CONNECTION_LIFE
    assert store.account(first.user.user_id).addresses == ()


def test_a_bar_stands_with_the_user_alone(store: Store) -> None:
    """It is kept whether the user has anything else or not, and a later one takes its place."""
    ada = UserId("ada")
    store.block_user(ada, 5000)
    assert store.account(ada).blocked_until == 5000
    store.block_user(ada, 6000)
    assert store.charge(ada, 10, 0) == 10
    assert store.account(ada).blocked_until == 6000
    assert store.account(UserId("bob")).blocked_until == 0


def test_one_alone_takes_it_on_to_ask(store: Store) -> None:
    """Of those that have read the same account, the second is told that it has been done."""
    ada = added(store, "Ada").user.user_id
    assert store.claim_inquiry(ada, 0, 7000)
    assert not store.claim_inquiry(ada, 0, 7001)
    assert store.account(ada).asked_at == 7000
    assert store.claim_inquiry(ada, 7000, 8000)
    store.block_user(ada, 9000)
    assert (store.account(ada).asked_at, store.account(ada).blocked_until) == (8000, 9000)
    assert store.account(UserId("bob")).asked_at == 0


def test_an_entry_of_an_older_version_tells_no_age(clock: Clock) -> None:
    """Without `connected_at`, a user's connection counts as having opened long ago."""
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        store = DynamoStore(client, resources.TABLE, clock)
        ada = added(store, "Ada")
        client.update_item(
            TableName=resources.TABLE,
            Key=user_connection_key(ada.user.user_id, ada.id),
            UpdateExpression="REMOVE connected_at",
        )
        [address] = store.account(ada.user.user_id).addresses
        assert address == Address(ada.id, ada.api_stage, 0)


def test_a_table_that_can_t_be_reached_is_unavailable() -> None:
    """An error of botocore itself, without any answer of AWS, becomes the project's own error."""
    once = Config(retries={"total_max_attempts": 1})  # its backoff of ten takes up to 25 s
    client = boto3.client("dynamodb", config=once)

    def fail(**_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    client.meta.events.register("before-send.dynamodb", fail)
    store = DynamoStore(client, "unreachable", Clock())
    for call in (
        lambda: store.connection(gateway_id("Ada")),
        lambda: store.admit(gateway_id("Ada"), 1, 0),
        lambda: store.claim_inquiry(UserId("ada"), 0, 1),
        lambda: store.account(UserId("ada")),
    ):
        with pytest.raises(UnavailableError, match="unreachable"):
            call()


def test_the_number_of_rooms_can_be_set(clock: Clock) -> None:
    """With a lower limit, the room above it is refused."""
    with mock_aws():
        resources.create(PROJECT)
        table = DynamoStore(resources.client("dynamodb"), resources.TABLE, clock, rooms_limit=1)
        for store in (MemoryStore(clock, rooms_limit=1), table):
            ada = added(store, "Ada", LOBBY)
            # One that knows nothing of the first room is refused by the write.
            for known in (ada, connection("Ada")):
                with pytest.raises(FrameError) as refusal:
                    store.join(known, ATTIC)
                assert names(store, ATTIC) == set()
            assert refusal.value.code is Code.TOO_MANY_ROOMS


def rise(store: Store, room: RoomId = LOBBY) -> int:
    """Have a room go on to its next level with one member more; return that level."""
    head = store.head(room)
    names = (f"{room} at {head.level}, {number}" for number in itertools.count())
    first = added(store, next(names), room)
    shard = shard_of(first.id, head.level)
    fill(store, room, shard, CAPACITY[head.level] // len(LEVELS[head.level]))
    added(store, next(name for name in names if shard.slots.holds(gateway_id(name))), room)
    fill(store, room, shard, store.count(room, shard))
    return store.head(room).level


def fill(store: Store, room: RoomId, shard: Shard, members: int) -> None:
    """Have a shard count as holding so many."""
    version = state(store, room, shard).version
    store.repair_member_count(room, shard, ShardState(version, members))


def state(store: Store, room: RoomId, shard: Shard) -> ShardState:
    """A shard's state, whether it stands in the head or by itself."""
    if shard == WHOLE:
        head = store.head(room)
        return ShardState(head.version, head.members)
    return store.shards(room, [shard]).get(shard, ShardState())


def large_room(store: Store) -> list[Connection]:
    """The lobby on its highest level, and somebody who has joined at each."""
    crowd = []
    for level in range(len(LEVELS)):
        assert store.head(LOBBY).level == level
        crowd.append(added(store, f"somebody at {level}", LOBBY))
        if level < len(CAPACITY):
            assert rise(store) == level + 1
    return crowd


def cached(store: Store, slot_ranges: Sequence[SlotRange] = (SlotRange(),)) -> list[ConnectionId]:
    """The members of the lobby as workers find them that share its slots."""
    head = store.head(LOBBY)
    membership_version = head.membership_version(MemberCount(store).of(LOBBY, head))
    return [
        one.id
        for slots in slot_ranges
        for one in MemberCache(store).of(LOBBY, slots, membership_version)
    ]


@pytest.mark.parametrize("level", range(len(CAPACITY)))
def test_a_room_goes_on_to_the_next_level_when_it_is_full(store: Store, level: int) -> None:
    """Not one member sooner; whoever comes after that is counted there and no more here."""
    for _ in range(level):
        rise(store)
    first = added(store, "first", LOBBY)
    shard = shard_of(first.id, level)
    full = CAPACITY[level] // len(LEVELS[level])
    fill(store, LOBBY, shard, full - 1)
    names = (str(number) for number in itertools.count())
    last, over, after = (
        next(name for name in names if shard.slots.holds(gateway_id(name))) for _ in range(3)
    )
    added(store, last, LOBBY)
    assert store.head(LOBBY).level == level
    added(store, over, LOBBY)
    assert store.head(LOBBY).level == level + 1
    before = state(store, LOBBY, shard)
    newcomer = added(store, after, LOBBY)
    assert state(store, LOBBY, shard) == before
    assert before.members == full + 1
    fresh = state(store, LOBBY, shard_of(newcomer.id, level + 1))
    assert (fresh.version, fresh.members) == (1, 1)


def test_members_of_every_level_are_found(store: Store) -> None:
    """By a worker that serves all of the room, and once each by those that share it."""
    crowd = {one.id for one in large_room(store)}
    everyone = cached(store)
    assert crowd < set(everyone)
    assert len(set(everyone)) == len(everyone) == len(LEVELS) + 2 * len(CAPACITY)
    for slot_ranges in (SlotRange().cut(10), SlotRange().cut(7), SlotRange(0, 0x0FFF).cut(3)):
        holding = {one for one in everyone if any(slots.holds(one) for slots in slot_ranges)}
        found = cached(store, slot_ranges)
        assert set(found) == holding
        assert len(found) == len(holding)


@pytest.mark.parametrize("store", ["past"], indirect=True)
def test_only_an_inconsistent_head_and_the_count_of_a_large_room_may_be_old(store: Store) -> None:
    """They tell what is told as approximate, for half the price; all else is as it is now."""
    large_room(store)
    head = say(store, [message(1)])
    assert store.head(LOBBY) == head != store.head(LOBBY, consistent=False)
    assert MemberCount(store).of(LOBBY, head) == head.members
    assert len(cached(store)) == len(LEVELS) + 2 * len(CAPACITY)


@pytest.mark.parametrize("store", ["memory", "dynamo"], indirect=True)
def test_an_inconsistent_head_tells_of_waits(store: Store) -> None:
    """A recent head, with the waits of messages and signals."""
    head = store.head(LOBBY)
    assert store.head(LOBBY, consistent=False).seq == 0
    store.note_signals(LOBBY, Wait(9, NOW))
    assert store.head(LOBBY).signalling == Wait()
    after = replace(head, seq=1, numbering=Wait(1234, NOW * 1000))
    store.append([SequencedMessage(1, head.epoch, message(1))])
    assert store.advance(LOBBY, head, after) == after
    store.note_signals(LOBBY, Wait(2345, NOW * 1000 + 1))
    assert store.head(LOBBY, consistent=False) == replace(
        after, signalling=Wait(2345, NOW * 1000 + 1)
    )


@pytest.mark.parametrize("store", ["memory", "dynamo"], indirect=True)
def test_a_large_room_is_counted_over_its_levels(store: Store) -> None:
    """The numbers of all shards add up to its members."""
    large_room(store)
    head = store.head(LOBBY)
    assert MemberCount(store).of(LOBBY, head) == len(cached(store))


def test_a_count_of_a_shard_that_is_wrong_is_mended_by_who_reads_it(store: Store) -> None:
    """At each level, be it too high or too low; a room that seems larger than a leaf as well."""
    for one in large_room(store):
        level = next(
            at
            for at in range(len(LEVELS))
            if one.id in {m.id for m in store.members(LOBBY, shard_of(one.id, at), SlotRange())}
        )
        shard = shard_of(one.id, level)
        right = store.count(LOBBY, shard)
        for wrong in (0, 900, 50_000):
            fill(store, LOBBY, shard, wrong)
            cached(store, SlotRange().cut(10))
            assert state(store, LOBBY, shard).members == right


def test_who_leaves_a_large_room_leaves_it_at_any_level(store: Store) -> None:
    """The shard where it was tells another version and one member less, the head nothing new."""
    for level, one in enumerate(large_room(store)):
        shard = shard_of(one.id, level)
        before, head = state(store, LOBBY, shard), store.head(LOBBY)
        departure = store.leave(one, LOBBY)
        assert departure is not None
        assert (departure.user, departure.members) == (one.user, None)
        assert one.id not in cached(store)
        after = state(store, LOBBY, shard)
        assert (after.version > before.version, after.members) == (True, before.members - 1)
        assert level == 0 or store.head(LOBBY) == head
        assert store.connection(one.id) == replace(connection(one.user.username), leaves=1)


def test_who_is_forgotten_is_gone_at_any_level(store: Store) -> None:
    """Whether one is forgotten alone, or many are together."""
    crowd = large_room(store)
    for level, one in enumerate(crowd):
        shard = shard_of(one.id, level)
        before = state(store, LOBBY, shard)
        [departure] = store.forget(one.id)
        assert (departure.room, departure.members) == (LOBBY, None)
        assert one.id not in cached(store)
        assert state(store, LOBBY, shard).members == before.members - 1
        assert store.forget(one.id, LOBBY) == []


def test_many_are_forgotten_together(store: Store) -> None:
    """Every one of them, in every room and at every level, with one new version for each shard."""
    crowd = large_room(store)
    stays = added(store, "stays", ATTIC)
    for one in crowd:
        store.join(one, ATTIC)
    gone = [member for member in members(store) if member.id in {one.id for one in crowd}]
    versions = [state(store, LOBBY, shard_of(one.id, at)).version for at, one in enumerate(crowd)]
    attic = store.head(ATTIC)
    departures = store.forget_all(gone, LOBBY, store.head(LOBBY).level)
    assert {(one.room, one.user, one.members) for one in departures} == {
        (room, one.user, left) for one in crowd for room, left in ((LOBBY, None), (ATTIC, 1))
    }
    for at, one in enumerate(crowd):
        assert store.connection(one.id) is None
        assert store.account(one.user.user_id).addresses == ()
        assert state(store, LOBBY, shard_of(one.id, at)).version == versions[at] + 1
        assert store.renew(one) == []
    assert not {one.id for one in crowd} & set(cached(store))
    assert [member.id for member in members(store, ATTIC)] == [stays.id]
    assert store.head(ATTIC) == replace(attic, version=attic.version + 1, members=1)


def test_who_comes_or_goes_changes_the_version_of_a_part_alone(store: Store) -> None:
    """Of a shard above the lowest level, so that a worker reads no other part again."""
    assert rise(store) == 1
    shard = LEVELS[1][3]
    people = (str(number) for number in itertools.count())
    there = (name for name in people if shard.slots.holds(gateway_id(name)))
    crowd = [added(store, name, LOBBY) for name in itertools.islice(there, 9)]
    parts = [shard.part_of(one.id) for one in crowd]
    assert all(shard.parts()[part].holds(one.id) for part, one in zip(parts, crowd, strict=True))
    joined = state(store, LOBBY, shard).parts
    assert joined == tuple(parts.count(part) for part in range(PARTS))
    store.leave(crowd[0], LOBBY)
    store.forget(crowd[1].id)
    gone = [member for member in members(store) if member.id in {one.id for one in crowd[2:]}]
    store.forget_all(gone, LOBBY, 1)
    changed = Counter({*parts[2:]}) + Counter(parts[:2])
    left = state(store, LOBBY, shard)
    assert left.parts == tuple(joined[part] + changed[part] for part in range(PARTS))
    store.repair_member_count(LOBBY, shard, replace(left, members=7))
    assert state(store, LOBBY, shard) == replace(left, members=7)


def test_many_of_one_level_are_forgotten_whatever_shards_they_lie_in(store: Store) -> None:
    """Each shard counts its own, and changes its version once."""
    assert rise(store) == 1
    before = len(names(store))
    crowd = {added(store, f"gone {number}", LOBBY).id for number in range(12)}
    shards = {shard_of(one, 1) for one in crowd}
    assert len(shards) > 1
    versions = {shard: state(store, LOBBY, shard).version for shard in shards}
    gone = [member for member in members(store) if member.id in crowd]
    assert len(store.forget_all(gone, LOBBY, 1)) == len(crowd)
    assert len(names(store)) == before
    for shard in shards:
        after = state(store, LOBBY, shard)
        assert (after.version, after.members) == (versions[shard] + 1, 0)


def test_forgetting_many_again_is_forgetting_them_once(store: Store) -> None:
    """A job that comes again finds nobody, counts nobody, and still changes the version."""
    ada = added(store, "Ada", LOBBY)
    added(store, "Bob", LOBBY)
    gone = [member for member in members(store) if member.id == ada.id]
    assert len(store.forget_all(gone, LOBBY, 0)) == 1
    head = store.head(LOBBY)
    assert store.forget_all(gone, LOBBY, 0) == []
    assert store.head(LOBBY).members == head.members == 1
    assert store.head(LOBBY).version > head.version


def test_a_member_without_a_note_of_its_place_is_forgotten_too(store: Store) -> None:
    """The rest of a join that died goes with the first post that finds it gone."""
    for level in range(len(LEVELS)):
        ada = added(store, f"Ada {level}", LOBBY)
        [member] = [member for member in members(store) if member.id == ada.id]
        if isinstance(store, MemoryStore):
            store.places.clear()
        else:
            assert isinstance(store, DynamoStore)
            store._client.delete_item(
                TableName=resources.TABLE, Key=place_key(ada.id, LOBBY, level)
            )
        assert store.forget_all([member], LOBBY, store.head(LOBBY).level) == []
        assert ada.id not in cached(store)
        if level < len(CAPACITY):
            rise(store)


def test_an_end_is_told_to_a_member_at_any_level(store: Store) -> None:
    """A renewal finds the member wherever its room was when it joined."""
    for one in large_room(store):
        store.extend(replace(one, until=NOW + 60), LOBBY)
    ends = {member.id: member.until for member in members(store)}
    assert [until for until in ends.values() if until] == [NOW + 60] * len(LEVELS)


def test_pages_of_a_large_room_hold_everyone_once(store: Store) -> None:
    """Going on from each page's place meets every member of every level once."""
    everyone = [one.id for one in large_room(store)]
    everyone += [added(store, str(number), LOBBY).id for number in range(12)]
    for limit in (1, 4, 100):
        seen: list[ConnectionId] = []
        place: str | None = None
        while True:
            page, place, _ = store.members_page(LOBBY, place, limit)
            seen += [member.id for member in page]
            if place is None:
                break
        assert len(seen) == len(set(seen))
        assert set(everyone) < set(seen)
        assert set(seen) == set(cached(store))


def test_joining_a_large_room_again_changes_nothing(store: Store) -> None:
    """At whichever level one has joined."""
    for level, one in enumerate(large_room(store)):
        shard = shard_of(one.id, level)
        before = state(store, LOBBY, shard)
        assert store.join(one, LOBBY) == (one, store.head(LOBBY))
        assert state(store, LOBBY, shard) == before


def test_a_head_past_its_time_still_counts(store: Store, clock: Clock) -> None:
    """Until the table deletes it, a room goes on where it was: no number is given twice."""
    head = say(store, [message(1)])
    clock.now = NOW + HEAD_LIFE + 1
    assert store.head(LOBBY) == head
    assert say(store, [message(2)]) == replace(head, seq=2)
    one = replace(connection("Ada"), connected_at=int(clock.now * 1000))
    store.add(one)
    _, joined = store.join(one, LOBBY)
    assert (joined.epoch, joined.seq, joined.members) == (head.epoch, 2, 1)


def test_joins_of_a_large_room_let_its_head_live_on(clock: Clock) -> None:
    """They write shards, not the head: one a day moves its expiry, and no other writes it."""
    with mock_aws():
        resources.create(PROJECT)
        client = resources.client("dynamodb")
        store = DynamoStore(client, resources.TABLE, clock)
        rise(store)

        def expiry() -> int:
            item = client.get_item(TableName=resources.TABLE, Key=head_key(LOBBY))["Item"]
            return int(item["expires_at"]["N"])

        def come(name: str) -> None:
            one = replace(connection(name), connected_at=int(clock.now * 1000))
            store.add(one)
            store.join(one, LOBBY)

        made = expiry()
        clock.now += REFRESH - 1
        come("in time")
        assert expiry() == made
        clock.now += 2
        come("later")
        assert expiry() == int(clock.now) + HEAD_LIFE


class Containers:
    """Stores over one table, each of which remembers what it has seen alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.client = resources.client("dynamodb")

    def new(self) -> DynamoStore:
        """A container that has seen nothing yet."""
        return DynamoStore(self.client, resources.TABLE, self._clock)


@pytest.fixture
def containers(clock: Clock) -> Iterator[Containers]:
    """Containers of a table of their own."""
    with mock_aws():
        resources.create(PROJECT)
        yield Containers(clock)


def test_a_room_whose_head_was_made_anew_has_its_members(containers: Containers) -> None:
    """A container that remembers a higher level puts nobody where nobody would look."""
    old, new = containers.new(), containers.new()
    rise(old)
    containers.client.delete_item(TableName=resources.TABLE, Key=head_key(LOBBY))
    ada, head = old.join(added(old, "Ada"), LOBBY)
    assert head.level == 0
    assert ada.id in cached(new)
    rise(new)
    old.leave(ada, LOBBY)
    assert ada.id not in cached(containers.new())


def test_a_container_that_knows_no_level_misses_nobody(containers: Containers) -> None:
    """One that takes a large room for a small one lets people in and out all the same."""
    knows = containers.new()
    ada = added(knows, "Ada", LOBBY)
    rise(knows)
    bob = added(knows, "Bob", LOBBY)
    cat = added(containers.new(), "Cat", LOBBY)
    assert {ada.id, bob.id, cat.id} < set(cached(knows))
    for one in (ada, bob, cat):
        assert containers.new().join(one, LOBBY)[0] == one
        containers.new().extend(replace(one, until=NOW + 9), LOBBY)
        assert containers.new().leave(one, LOBBY) is not None
        assert one.id not in cached(knows)


def test_who_joined_at_two_levels_leaves_both(containers: Containers) -> None:
    """Of two joins at once, one may go by an older level; a leave, or the end, undoes both."""
    for name in ("Ada", "Bob"):
        knows, cold = containers.new(), containers.new()
        if name == "Ada":
            rise(knows)
        unjoined = added(knows, name)
        knows._learn_level(LOBBY, 1)
        knows.join(unjoined, LOBBY)
        joined, _ = cold.join(unjoined, LOBBY)
        assert cached(knows).count(joined.id) == 1
        containers.new().extend(replace(joined, until=NOW + 60), LOBBY)
        assert {one.until for one in members(knows) if one.id == joined.id} == {NOW + 60}
        if name == "Ada":
            containers.new().leave(joined, LOBBY)
        else:
            containers.new().forget(joined.id)
        assert joined.id not in cached(knows)
