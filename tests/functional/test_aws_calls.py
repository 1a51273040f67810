"""AWS calls of the functions, counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from msgspec.structs import replace

from chalicelib import container
from chalicelib.adapters.dynamodb.store import DynamoStore
from chalicelib.core.limits import NAME_LIMIT, ROOMS_LIMIT
from chalicelib.core.model import (
    ApiStage,
    Connection,
    Message,
    MessageKey,
    Protocol,
    RoomHead,
    RoomId,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.protocol import MESSAGE_LIMIT, SUBPROTOCOL
from chalicelib.core.shards import WHOLE
from tests.functional.conftest import standing_clock
from tests.support import resources
from tests.support.builders import gateway_id
from tests.support.capacity_units import Units
from tests.support.resources import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
CAT = "PJqD2fHsqRcCHlw="


@pytest.fixture
def clock() -> Callable[[], float]:
    """A clock that stands still: users are charged, and heads read, as time passes, too."""
    return standing_clock()


@pytest.fixture
def calls(lambdas: Lambdas) -> Callable[[], Counter[str]]:
    """Two members of the room `tea`, and a function that takes the calls since the last time."""
    count: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:
        count[model.name] += 1

    graph = container.graph()
    for client in (graph.dynamodb, graph.sqs):
        client.meta.events.register("before-call", note)

    def take() -> Counter[str]:
        taken = Counter(count)
        count.clear()
        return taken

    for connection_id in (ADA, BOB):
        lambdas.connect(connection_id, None, SUBPROTOCOL)
        lambdas.message(connection_id, {"action": "join", "room": "tea"})
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "the first"})
    lambdas.broadcast()
    take()
    return take


def test_accepting_a_message_takes_two_calls(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """One charges the connection and reads it, and one queues the message."""
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
    assert calls() == {"UpdateItem": 1, "SendMessage": 1}


def test_letting_somebody_in_takes_two_calls(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """One reads what the user has open, and one writes the connection and its entry there."""
    lambdas.connect("PJqD2fHsqRcCHlw=", None, SUBPROTOCOL)
    assert calls() == {"Query": 1, "BatchWriteItem": 1}


def test_a_batch_takes_three_calls_while_nobody_comes_or_goes(
    lambdas: Lambdas, connections: Connections, calls: Callable[[], Counter[str]]
) -> None:
    """Ten messages are numbered with one read, one write of history and one of the head.

    No member is read: the version is unchanged.
    """
    for number in range(10):
        lambdas.message(ADA, {"action": "message", "room": "tea", "message": str(number)})
    calls()
    connections.received.clear()
    lambdas.invoke_broadcast(lambdas.queued())
    assert calls() == {"BatchGetItem": 1, "BatchWriteItem": 1, "UpdateItem": 1}
    assert len(connections.received[BOB]) == 1


def test_members_are_read_again_only_after_somebody_has_come(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """A join changes the version: the next batch reads the members, the one after does not."""
    lambdas.connect("PJqD2fHsqRcCHlw=", None, SUBPROTOCOL)
    lambdas.message("PJqD2fHsqRcCHlw=", {"action": "join", "room": "tea"})
    calls()
    queries = []
    for _ in range(2):
        lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
        lambdas.invoke_broadcast(lambdas.queued())
        queries.append(calls()["Query"])
    assert queries == [1, 0]


def test_nothing_is_ever_scanned(lambdas: Lambdas, calls: Callable[[], Counter[str]]) -> None:
    """Every action and a disconnect, and no Scan among their calls."""
    for frame in (
        {"action": "join", "room": "tea"},
        {"action": "message", "room": "tea", "message": "hi", "id": "1"},
        {"action": "message", "room": "tea", "message": "hi", "id": "1", "resend": True},
        {"action": "history", "room": "tea"},
        {"action": "signal", "room": "tea", "data": 1},
        {"action": "who", "room": "tea"},
        {"action": "ping"},
        {"action": "leave", "room": "tea"},
    ):
        lambdas.message(ADA, frame)
        lambdas.broadcast()
    lambdas.disconnect(ADA)
    lambdas.broadcast()
    assert "Scan" not in calls()


def test_resuming_from_another_epoch_reads_no_history(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """Nothing of another epoch can be given, so a made-up one costs no reading of the room.

    What is read is whether its user is banned, before joining and after it.
    """
    queries = []
    for since in ({}, {"since": 0, "epoch": "made-up"}):
        lambdas.message(ADA, {"action": "join", "room": "tea", **since})
        queries.append(calls()["Query"])
    assert queries == [2, 2]


def test_a_join_of_a_small_room_takes_three_writes(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """Place and member, the head, the connection, and two looks at the user's sanctions.

    One write more charges the frame, and the news are queued.
    """
    lambdas.connect(CAT, None, SUBPROTOCOL)
    calls()
    lambdas.message(CAT, {"action": "join", "room": "tea"})
    assert calls() == {"BatchWriteItem": 1, "UpdateItem": 2 + 1, "Query": 2, "SendMessage": 1}


def test_a_rejoin_reads_two_items_and_changes_nothing(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """No version changes, so that nobody has to read the members again."""
    lambdas.message(ADA, {"action": "join", "room": "tea"})
    assert calls() == {"BatchGetItem": 1, "UpdateItem": 1, "Query": 2}
    lambdas.message(ADA, {"action": "message", "room": "tea", "message": "hi"})
    lambdas.invoke_broadcast(lambdas.queued())
    assert calls()["Query"] == 0


def test_a_leave_takes_five_calls(lambdas: Lambdas, calls: Callable[[], Counter[str]]) -> None:
    """The place is read and deleted, and the member, the head and the connection written."""
    lambdas.message(ADA, {"action": "leave", "room": "tea"})
    assert calls() == {
        "Query": 1,
        "DeleteItem": 2,
        "UpdateItem": 2 + 1,
        "SendMessage": 1,
    }


def test_a_disconnect_takes_three_calls_and_two_for_each_room(
    lambdas: Lambdas, calls: Callable[[], Counter[str]]
) -> None:
    """Its connection, its places, all that is left of both, and each member and head."""
    lambdas.message(ADA, {"action": "join", "room": "coffee"})
    lambdas.message(BOB, {"action": "join", "room": "coffee"})
    calls()
    lambdas.disconnect(ADA)
    assert calls() == {
        "DeleteItem": 1 + 2,
        "Query": 1,
        "UpdateItem": 2,
        "BatchWriteItem": 1,
        "SendMessage": 2,
    }


class Table:
    """A store whose calls and units are counted, over the functions' own table."""

    def __init__(self) -> None:
        client = boto3.client("dynamodb")
        self.store = DynamoStore(client, TABLE, time.time)
        self.units = Units(client, resources.client("dynamodb"))

    def join(self, name: str, *rooms: RoomId, user_id: str = "") -> Connection:
        """Let somebody join rooms."""
        user = User(UserId(user_id or name), name)
        one = Connection(
            gateway_id(name),
            user,
            Protocol.V1,
            int(time.time() * 1000),
            ApiStage("a1b2c3d4e5", "api"),
        )
        self.store.add(one)
        for room in rooms:
            one, _ = self.store.join(one, room)
        return one

    def talk(self, room: RoomId, messages: int, text: str, user_id: str = "u" * 36) -> RoomHead:
        """Fill a room's history."""
        user, now = User(UserId(user_id), "Ada"), int(time.time() * 1000)
        for number in range(messages):
            head = self.store.head(room)
            one = Message(f"old-{number}", room, "chat", text, user, gateway_id("Ada"), now)
            numbering = assign_numbers(head, {}, [one])
            self.store.append(numbering.fresh)
            assert self.store.advance(room, head, numbering.head)
        return self.store.head(room)


@pytest.fixture
def table(lambdas: Lambdas) -> Table:  # noqa: ARG001 - has made the table
    """A store that is counted."""
    return Table()


@pytest.mark.parametrize("rooms", [1, 7])
def test_each_of_many_who_are_gone_takes_about_two_calls(table: Table, rooms: int) -> None:
    """In however many rooms each was; and each room has one new version for all of them."""
    names = [RoomId(f"room {number}") for number in range(rooms)]
    gone = [table.join(str(number), *names) for number in range(30)]
    members = list(table.store.members(names[0], WHOLE, SlotRange()))
    before = [table.store.head(name).version for name in names]
    table.units.reset()
    assert len(table.store.forget_all(members, names[0], 0)) == len(gone) * rooms
    assert table.units.calls.total() <= 2 * len(gone)
    assert [table.store.head(name).version for name in names] == [one + 1 for one in before]
    assert [table.store.head(name).members for name in names] == [0] * rooms


def test_a_frame_of_a_connection_in_fifty_rooms_costs_one_write_unit(table: Table) -> None:
    """Their names, each of 64 characters of four bytes, are not in the item that is charged.

    Beside the rooms it has the longest name, the end of a token and seven mutes; an eighth costs
    each frame another unit, until it has ended and the next is laid.
    """
    rooms = [RoomId(f"{number:02}{'😀' * 62}") for number in range(ROOMS_LIMIT)]
    ada = table.join("😀" * NAME_LIMIT, *rooms, user_id="u" * 36)
    assert len(ada.rooms) == ROOMS_LIMIT
    now = int(time.time())
    table.store.renew(replace(ada, until=now + 3_600))

    def frame() -> int:
        table.units.reset()
        assert table.store.admit(ada.id, 50, now * 1_000)
        assert table.units.written.keys() == {f"C#{ada.id}"}
        return table.units.writes

    for room in rooms[:7]:
        table.store.mute(ada.id, room, now + 60)
    assert table.store.claim_refusal(ada.id, 0, now * 1_000)
    assert frame() == 1
    table.store.mute(ada.id, rooms[7], now + 60)
    assert frame() == 2
    table.store.mute(ada.id, rooms[7], now)
    assert frame() == 1


def test_a_join_of_a_small_room_costs_four_write_units(table: Table) -> None:
    """One for each item; the head is as small as the others."""
    table.talk(RoomId("tea"), 3, "hi")
    ada = table.join("Ada")
    table.units.reset()
    joined, _ = table.store.join(ada, RoomId("tea"))
    assert (table.units.writes, table.units.reads) == (4, 0)
    table.units.reset()
    table.store.join(joined, RoomId("tea"))
    assert (table.units.writes, table.units.reads) == (0, 2)


def test_a_message_costs_two_write_units_and_its_batch_one(table: Table) -> None:
    """Itself and its key; the head is written once for all."""
    room = RoomId("tea")
    table.talk(room, 150, "hi")
    table.units.reset()
    head, known = table.store.numbers(room, [MessageKey(f"{number:016}") for number in range(10)])
    user = User(UserId("u" * 36), "Ada")
    messages = [
        Message(f"new-{number}", room, "chat", "x" * 100, user, gateway_id("Ada"), 7)
        for number in range(10)
    ]
    numbering = assign_numbers(head, known, messages)
    table.store.append(numbering.fresh)
    table.store.advance(room, head, numbering.head)
    assert (table.units.writes, table.units.reads) == (2 * 10 + 1, 1 + 10)


LONG: Final = "x" * MESSAGE_LIMIT


@pytest.mark.parametrize(
    ("frame", "units"),
    [
        ({"action": "history", "limit": 1}, 6),
        ({"action": "history"}, 10),
        ({"action": "who"}, 2),
        ({"action": "history", "after": 3}, 10),
        ({"action": "history", "after": 3, "limit": 1}, 6),
        ({"action": "join", "since": 2}, 13),
        ({"action": "join", "since": 20}, 4),
        ({"action": "message", "message": LONG, "id": "old-7", "resend": True}, 8),
        ({"action": "message", "message": LONG, "id": "unheard of", "resend": True}, 2.5),
    ],
)
def test_what_is_read_is_about_what_is_answered(
    lambdas: Lambdas, connections: Connections, table: Table, frame: dict[str, Any], units: float
) -> None:
    """In a room of messages of 16 KB, of which a frame holds one: 5 read units each."""
    lambdas.connect(ADA, {"session": "s" * 32}, SUBPROTOCOL)
    lambdas.message(ADA, {"action": "join", "room": "tea"})
    told = json.loads(connections.received[ADA][-1])
    head = table.talk(RoomId("tea"), 20, LONG, UserId(told["you"]["userId"]))
    counted = Units(container.graph().dynamodb, resources.client("dynamodb"))
    epoch = {"epoch": head.epoch} if "since" in frame else {}
    lambdas.message(ADA, {"room": "tea", **frame, **epoch})
    answer = json.loads(connections.received[ADA][-1]) if frame.get("id") != "unheard of" else {}
    assert answer.get("type") not in ("error",)
    assert counted.reads <= units
