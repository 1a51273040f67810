"""Protocol version 1 through the four functions, as API Gateway and SQS drive them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.protocol import FRAME_LIMIT, MESSAGE_LIMIT, SUBPROTOCOL
from tests.support import resources

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ADA = "PJqB0fHsqRcCHlw="
BOB = "PJqC1fHsqRcCHlw="
CAT = "PJqD2fHsqRcCHlw="
PLAIN = "PJqE3fHsqRcCHlw="


class Chat:
    """Clients of version 1, driven through the functions."""

    def __init__(self, lambdas: Lambdas, connections: Connections) -> None:
        self.lambdas = lambdas
        self.connections = connections

    def enter(self, connection_id: str, name: str, *rooms: str) -> None:
        """Connect, join some rooms, and forget what has been said about that."""
        query = {"username": name, "session": f"session-of-{name:-<8}"}
        self.lambdas.connect(connection_id, query, SUBPROTOCOL)
        for room in rooms:
            self.send(connection_id, action="join", room=room)
        self.lambdas.broadcast()
        self.connections.received.clear()

    def send(self, connection_id: str, **frame: object) -> None:
        """Send a frame."""
        assert self.lambdas.message(connection_id, frame) == {"statusCode": 200}

    def say(self, connection_id: str, text: str, **more: object) -> None:
        """Say something in the room `tea`, and have it broadcast."""
        self.send(connection_id, action="message", room="tea", message=text, **more)
        self.lambdas.broadcast()

    def heard(self, connection_id: str) -> list[Any]:
        """Take the objects that a connection has received."""
        frames = [json.loads(frame) for frame in self.connections.received.pop(connection_id, [])]
        return [one for frame in frames for one in (frame if isinstance(frame, list) else [frame])]

    def answer(self, connection_id: str, **frame: object) -> Any:
        """Send a frame, and return the one object that comes back."""
        self.connections.received.pop(connection_id, None)
        self.send(connection_id, **frame)
        [answer] = self.heard(connection_id)
        return answer


@pytest.fixture
def chat(lambdas: Lambdas, connections: Connections) -> Chat:
    """A chat with nobody in it."""
    return Chat(lambdas, connections)


def texts(objects: list[Any]) -> list[tuple[int, str]]:
    """The numbers and texts of the messages among some objects."""
    return [(one["seq"], one["data"]["message"]) for one in objects if one["type"] == "message"]


def test_the_subprotocol_is_accepted_where_it_is_offered(lambdas: Lambdas) -> None:
    """A client that offers version 1 among others gets it, and one that doesn't gets none."""
    assert lambdas.connect(ADA, None, "other, fanfare.v1") == {
        "statusCode": 200,
        "headers": {"Sec-WebSocket-Protocol": "fanfare.v1"},
    }
    assert lambdas.connect(BOB, None, "fanfare.v2") == {"statusCode": 200}


def test_a_client_that_can_offer_no_subprotocol_names_it_in_the_query(
    lambdas: Lambdas, connections: Connections
) -> None:
    """It speaks version 1, and is told of no subprotocol that it has not offered."""
    assert lambdas.connect(ADA, {"protocol": "fanfare.v1"}) == {"statusCode": 200}
    lambdas.message(ADA, {"action": "ping"})
    assert json.loads(connections.received[ADA][0])["type"] == "pong"


@pytest.mark.parametrize(
    "session", ["", "short", "x" * 65, "spaces are not good", "ümläuts-ümläuts"]
)
def test_a_bad_session_is_refused(lambdas: Lambdas, session: str) -> None:
    """A session that can't be one is told at the handshake, and nothing is kept."""
    assert lambdas.connect(ADA, {"session": session}, SUBPROTOCOL) == {"statusCode": 400}
    assert resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"] == []


def test_a_session_decides_the_user_and_stays_secret(chat: Chat) -> None:
    """The same session is the same user over reconnects, and the id doesn't give it away."""
    users = []
    for connection_id, name in ((ADA, "Ada"), (BOB, "Ada"), (CAT, "Cat")):
        chat.enter(connection_id, name)
        users.append(chat.answer(connection_id, action="join", room="tea")["you"]["userId"])
    assert users[0] == users[1] != users[2]
    assert "session" not in users[0]


def test_joining_tells_where_the_room_stands(chat: Chat) -> None:
    """`joined` has the seq, the epoch and the members; messages after it come live."""
    chat.enter(ADA, "Ada", "tea")
    chat.say(ADA, "before")
    chat.enter(BOB, "Bob")
    joined = chat.answer(BOB, action="join", room="tea")
    assert (joined["seq"], joined["members"], joined["recovered"]) == (1, 2, True)
    assert joined["messages"] == []
    chat.lambdas.broadcast()
    chat.heard(BOB)
    chat.say(ADA, "after")
    [message] = chat.heard(BOB)
    assert (message["seq"], message["epoch"], message["room"]) == (2, joined["epoch"], "tea")
    assert message["data"]["message"] == "after"
    assert "senderConnectionId" not in message["data"]


def test_the_sender_gets_an_ack_with_the_number(chat: Chat) -> None:
    """The ack comes in place of the message, and says which one it is."""
    chat.enter(ADA, "Ada", "tea")
    chat.say(ADA, "hi", id="my-1")
    [ack] = chat.heard(ADA)
    assert ack.pop("epoch")
    assert ack == {"type": "ack", "room": "tea", "id": "my-1", "seq": 1}


def test_a_message_sent_again_gets_the_same_ack(chat: Chat) -> None:
    """Over another connection of the session too: one message, one number, the same ack."""
    chat.enter(ADA, "Ada", "tea")
    chat.say(ADA, "hi", id="my-1")
    [first] = chat.heard(ADA)
    chat.say(ADA, "hi", id="my-1", resend=True)
    assert chat.heard(ADA) == [first]
    chat.enter(BOB, "Ada", "tea")
    chat.say(BOB, "hi", id="my-1", resend=True)
    assert chat.heard(BOB) == [first]
    assert texts(chat.answer(ADA, action="history", room="tea")["messages"]) == [(1, "hi")]


def test_nobody_can_take_an_id_away_from_another_user(chat: Chat) -> None:
    """Two users may use the same id, and both messages count."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.say(ADA, "from Ada", id="my-1")
    chat.say(BOB, "from Bob", id="my-1")
    history = chat.answer(ADA, action="history", room="tea")["messages"]
    assert texts(history) == [(1, "from Ada"), (2, "from Bob")]


def test_who_left_before_the_number_gets_the_ack_but_no_message(chat: Chat) -> None:
    """A sender that leaves at once learns its number, and nothing else of the room."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.send(BOB, action="message", room="tea", message="from Bob")
    chat.send(ADA, action="message", room="tea", message="bye", id="my-1")
    chat.send(ADA, action="leave", room="tea")
    chat.lambdas.broadcast()
    assert [one["type"] for one in chat.heard(ADA)] == ["left", "ack"]
    assert texts(chat.heard(BOB)) == [(2, "bye")]


def test_rooms_are_apart(chat: Chat) -> None:
    """Each room has its own numbers, members and messages."""
    chat.enter(ADA, "Ada", "tea", "coffee")
    chat.enter(BOB, "Bob", "tea")
    chat.enter(CAT, "Cat", "coffee")
    chat.send(ADA, action="message", room="coffee", message="black")
    chat.say(ADA, "green")
    assert texts(chat.heard(BOB)) == [(1, "green")]
    assert texts(chat.heard(CAT)) == [(1, "black")]


def test_records_of_one_batch_share_a_frame(chat: Chat) -> None:
    """Ten messages of one batch reach a client of version 1 as one frame, in order."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    for number in range(10):
        chat.send(ADA, action="message", room="tea", message=str(number))
    chat.lambdas.broadcast()
    assert len(chat.connections.received[BOB]) == 1
    assert texts(chat.heard(BOB)) == [(n + 1, str(n)) for n in range(10)]
    assert len(chat.connections.received[ADA]) == 1
    assert [one["seq"] for one in chat.heard(ADA)] == list(range(1, 11))


def test_frames_are_cut_to_the_metering_unit(chat: Chat) -> None:
    """Messages that are too long for one frame together come in several, each within the limit."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    for _ in range(5):
        chat.send(ADA, action="message", room="tea", message="x" * (MESSAGE_LIMIT - 1000))
    chat.lambdas.broadcast()
    sizes = [len(frame) for frame in chat.connections.received[BOB]]
    assert len(sizes) == 3
    assert max(sizes) <= FRAME_LIMIT
    assert [seq for seq, _ in texts(chat.heard(BOB))] == [1, 2, 3, 4, 5]


def test_both_forms_meet_in_the_lobby(chat: Chat) -> None:
    """A plain client and one of version 1 hear each other, each in its own form."""
    chat.lambdas.connect(PLAIN, {"username": "Plain"})
    chat.enter(ADA, "Ada", "lobby")
    chat.send(ADA, action="message", message="from v1")
    chat.lambdas.message(PLAIN, {"action": "message", "message": "from plain", "type": "chat"})
    chat.lambdas.broadcast()
    [plain] = chat.heard(PLAIN)
    assert set(plain) == {"type", "data"}
    assert plain["data"]["message"] == "from v1"
    assert plain["data"]["senderConnectionId"] == ADA
    assert [one["type"] for one in chat.heard(ADA)] == ["ack", "message"]


def test_a_plain_connection_has_one_action(chat: Chat) -> None:
    """Version 1's actions are unknown to the plain form, whose clients could not read answers."""
    chat.lambdas.connect(PLAIN)
    for action in ({"action": "join", "room": "tea"}, {"action": "ping"}):
        assert chat.answer(PLAIN, **action)["code"] == "unknown_action"
    frame = {"action": "message", "message": "hi", "room": "tea"}
    assert chat.answer(PLAIN, **frame)["code"] == "not_joined"


def test_resuming_brings_what_was_missed_one_s_own_included(chat: Chat) -> None:
    """A client that was away gets every message after its last one, and then the live ones."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.say(ADA, "one")
    epoch = chat.heard(BOB)[0]["epoch"]
    chat.send(BOB, action="message", room="tea", message="sent and gone", id="b-1")
    chat.lambdas.disconnect(BOB)
    chat.lambdas.broadcast()
    chat.say(ADA, "two")
    chat.enter(CAT, "Bob")
    joined = chat.answer(CAT, action="join", room="tea", since=1, epoch=epoch)
    assert joined["recovered"] is True
    assert texts(joined["messages"]) == [(2, "sent and gone"), (3, "two")]
    assert joined["messages"][0]["id"] == "b-1"
    assert joined["messages"][0]["data"]["userId"] == joined["you"]["userId"]


def test_a_long_absence_is_recovered_page_by_page(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that can't hold all says so, and history gives the rest."""
    monkeypatch.setenv("FANFARE_FRAMES_PER_SECOND", "1000")
    monkeypatch.setenv("FANFARE_USER_FRAMES_PER_SECOND", "0")
    chat.lambdas.begin_anew()
    chat.enter(ADA, "Ada", "tea")
    for start in range(0, 130, 10):
        for number in range(start, start + 10):
            chat.send(ADA, action="message", room="tea", message=str(number))
        chat.lambdas.broadcast()
    epoch = chat.heard(ADA)[0]["epoch"]
    joined = chat.answer(ADA, action="join", room="tea", since=5, epoch=epoch)
    assert (joined["recovered"], joined["reason"], joined["seq"]) == (False, "more", 130)
    seqs = [seq for seq, _ in texts(joined["messages"])]
    assert seqs == list(range(6, 106))
    page = chat.answer(ADA, action="history", room="tea", after=105, limit=100)
    assert [seq for seq, _ in texts(page["messages"])] == list(range(106, 131))
    assert page["more"] is False


def test_history_is_paged_both_ways(chat: Chat) -> None:
    """Pages are oldest first in either direction, and tell whether there are more."""
    chat.enter(ADA, "Ada", "tea")
    for number in range(10):
        chat.send(ADA, action="message", room="tea", message=str(number))
    chat.lambdas.broadcast()

    def page(**bounds: int) -> tuple[list[int], bool]:
        answer = chat.answer(ADA, action="history", room="tea", **bounds)
        return [seq for seq, _ in texts(answer["messages"])], answer["more"]

    assert page() == (list(range(1, 11)), False)
    assert page(limit=4) == ([7, 8, 9, 10], True)
    assert page(limit=4, before=7) == ([3, 4, 5, 6], True)
    assert page(limit=4, before=3) == ([1, 2], False)
    assert page(limit=4, after=0) == ([1, 2, 3, 4], True)
    assert page(limit=4, after=6) == ([7, 8, 9, 10], False)
    assert page(limit=4, after=10) == ([], False)
    assert page(before=1) == ([], False)


def test_a_page_of_history_fits_into_a_frame(chat: Chat) -> None:
    """Long messages make short pages, and a page is never empty where there is more."""
    chat.enter(ADA, "Ada", "tea")
    for number in range(6):
        text = "\x01" * 4000 if number == 3 else "x" * 12_000
        chat.say(ADA, text)
    seen: list[int] = []
    while True:
        chat.connections.received.clear()
        chat.send(ADA, action="history", room="tea", after=seen[-1] if seen else 0)
        [frame] = chat.connections.received[ADA]
        assert len(frame) <= FRAME_LIMIT
        [page] = chat.heard(ADA)
        seen += [seq for seq, _ in texts(page["messages"])]
        if not page["more"]:
            break
    assert seen == [1, 2, 3, 4, 5, 6]


def test_an_expired_past_is_said(chat: Chat) -> None:
    """An answer says so if messages after the client's last one are gone."""
    chat.enter(ADA, "Ada", "tea")
    for number in range(4):
        chat.say(ADA, str(number))
    epoch = chat.heard(ADA)[0]["epoch"]
    for seq in (1, 2):
        resources.client("dynamodb").delete_item(
            TableName=resources.TABLE, Key={"pk": {"S": "S#tea"}, "sk": {"S": f"S#{seq:016}"}}
        )
    joined = chat.answer(ADA, action="join", room="tea", since=1, epoch=epoch)
    assert (joined["recovered"], joined["reason"]) == (False, "expired")
    assert texts(joined["messages"]) == [(3, "2"), (4, "3")]


@pytest.mark.parametrize(("since", "epoch"), [(1, "another"), (99, None)])
def test_a_room_started_anew_is_said(chat: Chat, since: int, epoch: str | None) -> None:
    """A client with another epoch, or with numbers that the room never had, starts over."""
    chat.enter(ADA, "Ada", "tea")
    chat.say(ADA, "hi")
    current = chat.heard(ADA)[0]["epoch"]
    joined = chat.answer(ADA, action="join", room="tea", since=since, epoch=epoch or current)
    assert (joined["recovered"], joined["reason"], joined["messages"]) == (False, "epoch", [])


def test_presence_tells_who_comes_and_goes(chat: Chat) -> None:
    """Members hear who joined and who left, by name, with the number of members."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob")
    chat.send(BOB, action="join", room="tea")
    chat.lambdas.broadcast()
    [presence] = chat.heard(ADA)
    assert (presence["type"], presence["members"]) == ("presence", 2)
    assert [user["username"] for user in presence["joined"]] == ["Bob"]
    chat.lambdas.disconnect(BOB)
    chat.lambdas.broadcast()
    [presence] = chat.heard(ADA)
    assert presence["members"] == 1
    assert [user["username"] for user in presence["left"]] == ["Bob"]


def test_a_storm_of_joins_shares_a_frame(chat: Chat) -> None:
    """Joins within one batch are told at once, apart from the messages among them."""
    chat.enter(ADA, "Ada", "tea")
    for number in range(5):
        connection_id = f"PJqF{number}fHsqRcCHlw="
        chat.lambdas.connect(connection_id, {"username": f"c{number}"}, SUBPROTOCOL)
        chat.send(connection_id, action="join", room="tea")
    chat.send(ADA, action="message", room="tea", message="welcome")
    chat.connections.received.clear()
    chat.lambdas.broadcast()
    assert len(chat.connections.received[ADA]) == 2
    [presence] = [one for one in chat.heard(ADA) if one["type"] == "presence"]
    assert len(presence["joined"]) == 5
    assert presence["members"] == 6


def test_a_signal_reaches_the_others_and_is_not_kept(chat: Chat) -> None:
    """Typing and the like arrive as they were sent, and leave no trace in the room."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.send(ADA, action="signal", room="tea", data={"typing": True, "n": [1, None, "é"]})
    chat.lambdas.broadcast()
    [signal] = chat.heard(BOB)
    assert signal["data"] == {"typing": True, "n": [1, None, "é"]}
    assert signal["from"]["username"] == "Ada"
    assert chat.heard(ADA) == []
    assert chat.answer(BOB, action="history", room="tea")["messages"] == []


def test_who_lists_the_members(chat: Chat) -> None:
    """Every member is listed by user, and never by connection."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    answer = chat.answer(ADA, action="who", room="tea")
    assert sorted(user["username"] for user in answer["members"]) == ["Ada", "Bob"]
    assert {key for user in answer["members"] for key in user} == {"userId", "username"}
    assert "next" not in answer


def test_ping_is_answered(chat: Chat) -> None:
    """The keep-alive frame comes back as pong, with how far the joined rooms have come."""
    chat.enter(ADA, "Ada", "tea")
    assert chat.answer(ADA, action="ping") == {"type": "pong"}
    chat.say(ADA, "hi")
    [ack] = chat.heard(ADA)
    pong = chat.answer(ADA, action="ping", rooms=["tea", "coffee"])
    assert pong == {"type": "pong", "rooms": {"tea": {"seq": 1, "epoch": ack["epoch"]}}}


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"action": "message", "room": "tea", "message": "hi"}, "not_joined"),
        ({"action": "signal", "room": "tea", "data": 1}, "not_joined"),
        ({"action": "history", "room": "tea"}, "not_joined"),
        ({"action": "who", "room": "tea"}, "not_joined"),
        ({"action": "join", "room": " tea"}, "bad_room"),
        ({"action": "join", "room": "t\u0000a"}, "bad_room"),
        ({"action": "join", "room": "a\u202eb"}, "bad_room"),
        ({"action": "join", "room": "e\u0301"}, "bad_room"),
        ({"action": "join", "room": ""}, "bad_room"),
        ({"action": "join", "room": "x" * 65}, "bad_room"),
        ({"action": "join"}, "bad_frame"),
        ({"action": "join", "room": "tea", "since": 1}, "bad_frame"),
        ({"action": "join", "room": "tea", "since": -1, "epoch": "e"}, "bad_frame"),
        ({"action": "history", "room": "tea", "limit": 0}, "bad_frame"),
        ({"action": "history", "room": "tea", "before": 3, "after": 1}, "bad_frame"),
        ({"action": "message", "room": "tea", "message": "hi", "id": "no spaces"}, "bad_frame"),
        ({"action": "signal", "room": "tea", "data": "x" * 5000}, "too_large"),
        ({"action": "who", "room": "tea", "next": "zz"}, "bad_frame"),
    ],
)
def test_a_bad_frame_of_version_1_is_refused_with_its_name(
    chat: Chat, frame: dict[str, object], code: str
) -> None:
    """The error tells which frame it is about, so that a client can settle it."""
    chat.enter(ADA, "Ada")
    answer = chat.answer(ADA, **frame)
    assert (answer["type"], answer["code"], answer["retry"]) == ("error", code, "never")
    assert answer["action"] == frame["action"]


def test_what_is_no_job_is_buried_and_holds_nobody_up(chat: Chat) -> None:
    """A record that can't be read goes to the dead-letter queue; the others go on."""
    chat.enter(ADA, "Ada", "tea")
    sqs = resources.client("sqs")
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName=resources.QUEUE)["QueueUrl"],
        MessageBody='{"type":"nonsense"}',
        MessageGroupId="g",
        MessageDeduplicationId="d",
    )
    chat.say(ADA, "still here", id="my-1")
    assert [one["id"] for one in chat.heard(ADA)] == ["my-1"]
    dead = sqs.receive_message(
        QueueUrl=sqs.get_queue_url(QueueName=resources.DEAD_LETTER_QUEUE)["QueueUrl"]
    )["Messages"]
    assert [message["Body"] for message in dead] == ['{"type":"nonsense"}']


def test_what_could_not_be_posted_is_tried_again_for_those_alone(chat: Chat) -> None:
    """Members that missed a post get it from a job of their own, and the others get no copy."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.enter(CAT, "Cat", "tea")
    chat.connections.ill[BOB] = HTTPStatus.TOO_MANY_REQUESTS
    chat.send(ADA, action="message", room="tea", message="hi")
    records = chat.lambdas.queued()
    chat.lambdas.invoke_broadcast(records)
    assert texts(chat.heard(CAT)) == [(1, "hi")]
    assert chat.heard(BOB) == []
    del chat.connections.ill[BOB]
    chat.lambdas.broadcast()
    assert texts(chat.heard(BOB)) == [(1, "hi")]
    assert chat.heard(CAT) == []


def test_a_member_that_always_fails_is_given_up(chat: Chat) -> None:
    """After some attempts nothing is queued any more; the next message shows the client its gap."""
    chat.enter(ADA, "Ada", "tea")
    chat.enter(BOB, "Bob", "tea")
    chat.connections.ill[BOB] = HTTPStatus.TOO_MANY_REQUESTS
    chat.say(ADA, "hi")
    assert chat.lambdas.queued() == []
    del chat.connections.ill[BOB]
    chat.say(ADA, "still there?")
    assert texts(chat.heard(BOB)) == [(2, "still there?")]
