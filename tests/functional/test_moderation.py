"""Order in a room is kept by those whose tokens allow it, and by nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.functional.issued import want_tokens
from tests.functional.test_identity import Tokens
from tests.functional.test_rooms import ADA, BOB, CAT, PLAIN, Chat, texts
from tests.support import resources
from tests.support.jwt_issuer import shared

if TYPE_CHECKING:
    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

BOB_AGAIN: Final = "PJqF4fHsqRcCHlw="
MODERATOR: Final = {"fanfare": {"moderate": ["tea", "lobby"]}}
HOUR: Final = 3600
LEFT: Final = {"type": "left", "room": "tea"}
ACTS: Final[tuple[dict[str, Any], ...]] = (
    {"action": "kick", "userId": "somebody"},
    {"action": "ban", "userId": "somebody", "seconds": HOUR},
    {"action": "mute", "userId": "somebody", "seconds": HOUR},
    {"action": "delete", "seq": 1, "epoch": "e"},
)


class Court(Tokens):
    """Ada, who moderates `tea` and the lobby, and others who don't."""

    def enter(self, connection_id: str, *rooms: str, **claims: object) -> None:
        """See `Tokens.enter`; the name says who it is."""
        super().enter(connection_id, *rooms, sub=claims["name"], **claims)

    def user_id(self, connection_id: str) -> str:
        """Whose a connection is, as others see it."""
        joined = self.chat.answer(connection_id, action="join", room="elsewhere")
        user_id: str = joined["you"]["userId"]
        self.lambdas.broadcast()
        self.connections.received.clear()
        return user_id

    def rule(self, **act: object) -> Any:
        """Have Ada act on the room `tea`; return what she is answered."""
        [answer] = [one for one in self.all_of(ADA, room="tea", **act) if one["type"] != "presence"]
        return answer

    def all_of(self, connection_id: str, **frame: object) -> list[Any]:
        """Send a frame, and return everything that comes back at once."""
        self.connections.received.pop(connection_id, None)
        self.chat.send(connection_id, **frame)
        return self.chat.heard(connection_id)


@pytest.fixture
def court(lambdas: Lambdas, connections: Connections, monkeypatch: pytest.MonkeyPatch) -> Court:
    """A room with a moderator, under tokens."""
    want_tokens(monkeypatch)
    court = Court(lambdas, connections)
    court.enter(ADA, "tea", name="Ada", **MODERATOR)
    return court


def test_who_may_moderate_is_told_when_joining(court: Court) -> None:
    """`you` says so in the rooms of the right, and nothing anywhere else or to anybody else."""
    court.enter(BOB, name="Bob")
    assert court.chat.answer(ADA, action="join", room="tea")["you"]["moderate"] is True
    assert "moderate" not in court.chat.answer(ADA, action="join", room="coffee")["you"]
    assert "moderate" not in court.chat.answer(BOB, action="join", room="tea")["you"]


def test_without_the_right_nobody_acts_and_nothing_is_told(court: Court) -> None:
    """A room that exists, one that does not, and another's are refused in the same words."""
    court.enter(BOB, "tea", name="Bob")
    court.chat.say(BOB, "hi")
    for act in ACTS:
        answers = [court.chat.answer(BOB, room=room, **act) for room in ("tea", "no such room")]
        answers.append(court.chat.answer(ADA, room="coffee", **act))
        for answer in answers:
            del answer["room"]
        assert answers[0]["code"] == "forbidden"
        assert answers == [answers[0]] * 3


def test_who_is_kicked_is_out_and_may_come_back(court: Court) -> None:
    """All of the user's connections leave, and hear why; the others hear that they left."""
    for connection_id in (BOB, BOB_AGAIN):
        court.enter(connection_id, "tea", name="Bob")
    bob = court.user_id(BOB)
    assert court.rule(action="kick", userId=bob) == {
        "type": "moderated",
        "action": "kick",
        "room": "tea",
        "userId": bob,
    }
    for connection_id in (BOB, BOB_AGAIN):
        assert court.chat.heard(connection_id) == [{**LEFT, "reason": "kicked"}]
    court.lambdas.broadcast()
    presence = court.chat.heard(ADA)[-1]
    assert (presence["members"], len(presence["left"])) == (1, 1)

    court.chat.say(ADA, "he is gone")
    assert court.chat.heard(BOB) == []
    refused = court.chat.answer(BOB, action="message", room="tea", message="am I?")
    assert refused["code"] == "not_joined"
    assert court.chat.answer(BOB, action="join", room="tea")["type"] == "joined"


def test_the_log_tells_whom_a_moderator_acted_on(
    court: Court, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of the invocation names the user, so that an act can be looked into later."""
    court.rule(action="mute", userId="somebody", seconds=HOUR)
    targets = [vars(line).get("target") for line in caplog.records]
    assert "somebody" in targets


def test_kicking_whoever_is_not_there_is_no_error(court: Court) -> None:
    """An act may be repeated, and tells nothing about who has a connection."""
    court.enter(BOB, "coffee", name="Bob")
    assert court.rule(action="kick", userId=court.user_id(BOB))["type"] == "moderated"
    assert court.rule(action="kick", userId="nobody")["type"] == "moderated"
    assert court.chat.heard(BOB) == []


def test_who_is_banned_stays_out_on_every_connection_until_it_ends(court: Court) -> None:
    """The ban holds for the user, old connections and new ones, and only in that room."""
    court.enter(BOB, "tea", name="Bob")
    bob = court.user_id(BOB)
    court.rule(action="ban", userId=bob, seconds=HOUR)
    assert court.chat.heard(BOB) == [{**LEFT, "reason": "banned"}]
    court.enter(BOB_AGAIN, name="Bob")
    for connection_id in (BOB, BOB_AGAIN):
        refused = court.chat.answer(connection_id, action="join", room="tea")
        assert (refused["code"], refused["retry"]) == ("banned", "never")
    assert court.chat.answer(BOB, action="join", room="coffee")["type"] == "joined"
    assert [m["username"] for m in court.rule(action="who")["members"]] == ["Ada"]

    court.rule(action="ban", userId=bob, seconds=0)
    assert court.chat.answer(BOB, action="join", room="tea")["type"] == "joined"


def test_a_ban_ends_by_itself(court: Court) -> None:
    """A sanction in the table after its time, as TTL deletes late, keeps nobody out."""
    court.enter(BOB, name="Bob")
    court.rule(action="ban", userId=court.user_id(BOB), seconds=HOUR)
    table = resources.client("dynamodb")
    [item] = [
        one
        for one in table.scan(TableName=resources.TABLE)["Items"]
        if one["pk"]["S"].startswith("B#")
    ]
    table.put_item(TableName=resources.TABLE, Item=item | {"expires_at": {"N": "1700000000"}})
    assert court.chat.answer(BOB, action="join", room="tea")["type"] == "joined"


def test_the_plain_form_is_put_out_by_closing(court: Court) -> None:
    """It knows neither `left` nor another room; and it is not let in while it is banned."""
    court.lambdas.connect(PLAIN, None, shared(name="Bob", sub="Bob"))
    court.chat.send(ADA, action="join", room="lobby")
    members = court.chat.answer(ADA, action="who", room="lobby")["members"]
    [bob] = [one["userId"] for one in members if one["username"] == "Bob"]
    court.chat.answer(ADA, action="ban", room="lobby", userId=bob, seconds=HOUR)
    assert court.closed() == [PLAIN]
    again = court.lambdas.connect(BOB_AGAIN, None, shared(name="Bob", sub="Bob"))
    assert again == {"statusCode": 403}
    items = resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]
    assert not [item for item in items if BOB_AGAIN in item["pk"]["S"] + item["sk"]["S"]]


def test_who_is_muted_listens(court: Court) -> None:
    """Neither messages nor signals get out, on any connection; the answer says for how long."""
    court.enter(BOB, "tea", name="Bob")
    bob = court.user_id(BOB)
    court.rule(action="mute", userId=bob, seconds=HOUR)
    court.enter(BOB_AGAIN, "tea", name="Bob")
    for connection_id in (BOB, BOB_AGAIN):
        for frame in ({"action": "message", "message": "hi"}, {"action": "signal", "data": 1}):
            refused = court.chat.answer(connection_id, room="tea", **frame)
            assert (refused["code"], refused["retry"]) == ("muted", "later")
            assert HOUR - 60 < refused["retryAfter"] <= HOUR
    court.connections.received.clear()
    court.chat.say(ADA, "quiet, please")
    assert texts(court.chat.heard(BOB)) == [(1, "quiet, please")]

    court.rule(action="mute", userId=bob, seconds=0)
    court.chat.say(BOB, "thank you")
    assert texts(court.chat.heard(ADA)) == [(2, "thank you")]


def test_leaving_does_not_end_a_mute(court: Court) -> None:
    """A muted user who leaves and comes back, or connects anew, is as mute as before."""
    court.enter(BOB, "tea", name="Bob")
    court.rule(action="mute", userId=court.user_id(BOB), seconds=HOUR)
    court.chat.send(BOB, action="leave", room="tea")
    court.chat.send(BOB, action="join", room="tea")
    assert court.chat.answer(BOB, action="message", room="tea", message="hi")["code"] == "muted"


def test_a_deleted_message_leaves_a_tombstone_and_no_text(court: Court) -> None:
    """It keeps its number; the room is told in sequence, and history has the text no more."""
    court.enter(BOB, "tea", name="Bob")
    court.chat.say(BOB, "a word to be taken back", id="b-1")
    [ack] = court.chat.heard(BOB)
    court.chat.say(ADA, "now, now")
    court.connections.received.clear()
    answer = court.rule(action="delete", seq=1, epoch=ack["epoch"])
    assert answer == {"type": "moderated", "action": "delete", "room": "tea", "seq": 1}
    court.lambdas.broadcast()
    for connection_id in (ADA, BOB):
        [tombstone] = court.chat.heard(connection_id)
        assert (tombstone["type"], tombstone["seq"]) == ("message", 3)
        data = tombstone["data"]
        assert (data["type"], data["deletes"], data["message"]) == ("delete", 1, "")
        assert data["username"] == "Ada"

    court.enter(CAT, "tea", name="Cat")
    history = court.chat.answer(CAT, action="history", room="tea")["messages"]
    assert [(one["seq"], one["data"]["type"]) for one in history] == [
        (1, "deleted"),
        (2, "chat"),
        (3, "delete"),
    ]
    assert history[0]["data"]["message"] == ""
    assert history[0]["data"]["username"] == "Bob"
    resumed = court.chat.answer(CAT, action="join", room="tea", since=0, epoch=ack["epoch"])
    assert resumed["messages"] == history
    items = resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]
    assert "taken back" not in str(items)
    court.chat.say(BOB, "", id="b-1", resend=True)
    assert court.chat.heard(BOB) == [ack], "its author still settles it"


def test_a_message_is_deleted_once(court: Court) -> None:
    """Asked for again, it is the same tombstone."""
    court.chat.say(ADA, "hi")
    epoch = court.chat.heard(ADA)[0]["epoch"]
    for _ in range(2):
        court.rule(action="delete", seq=1, epoch=epoch)
        court.lambdas.broadcast()
    assert len(court.chat.answer(ADA, action="history", room="tea")["messages"]) == 2


@pytest.mark.parametrize(("seq", "epoch"), [(2, None), (1, "another")])
def test_what_is_not_there_cannot_be_deleted(court: Court, seq: int, epoch: str | None) -> None:
    """Neither a number that the room has not come to, nor one of another epoch."""
    court.chat.say(ADA, "hi")
    current = court.chat.heard(ADA)[0]["epoch"]
    refused = court.rule(action="delete", seq=seq, epoch=epoch or current)
    assert refused["code"] == "bad_frame"
    assert court.lambdas.queued() == []


def test_the_plain_form_hears_nothing_of_a_tombstone(court: Court) -> None:
    """It knows no numbers, so that it could not tell which message goes."""
    court.lambdas.connect(PLAIN, None, shared(name="Bob", sub="Bob"))
    court.chat.send(ADA, action="join", room="lobby")
    court.chat.send(ADA, action="message", message="hi")
    court.lambdas.broadcast()
    [*_, ack] = [one for one in court.chat.heard(ADA) if one["type"] == "ack"]
    court.chat.heard(PLAIN)
    court.chat.send(ADA, action="delete", room="lobby", seq=1, epoch=ack["epoch"])
    court.lambdas.broadcast()
    assert court.chat.heard(PLAIN) == []


def test_a_moderator_is_held_to_the_subprotocol(court: Court) -> None:
    """The plain form has one action, whatever its token grants."""
    court.lambdas.connect(PLAIN, None, shared(name="Mod", sub="Mod", **MODERATOR))
    refused = court.chat.answer(PLAIN, action="kick", room="lobby", userId="somebody")
    assert refused["code"] == "unknown_action"


def test_the_chat_of_others_is_unharmed(court: Court) -> None:
    """Numbers stay dense through kicks, mutes and tombstones."""
    chat: Chat = court.chat
    court.enter(BOB, "tea", name="Bob")
    bob = court.user_id(BOB)
    chat.say(BOB, "one")
    epoch = chat.heard(BOB)[0]["epoch"]
    court.rule(action="mute", userId=bob, seconds=HOUR)
    chat.say(BOB, "unheard")
    court.rule(action="delete", seq=1, epoch=epoch)
    court.rule(action="kick", userId=bob)
    chat.say(ADA, "three")
    history = chat.answer(ADA, action="history", room="tea")["messages"]
    assert [one["seq"] for one in history] == [1, 2, 3]
