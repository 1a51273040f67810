"""Authentication, rights and the end of tokens, through the functions."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from chalicelib import container
from chalicelib.core.identity import GRACE_SECONDS, WARNED_SECONDS
from chalicelib.core.protocol import SUBPROTOCOL
from tests.functional.test_rooms import ADA, BOB, CAT, PLAIN, Chat, texts
from tests.support import resources
from tests.support.jwt_issuer import AUDIENCE, ISSUER, SECRET, Jwks, public, shared, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

ISSUED: Final = {"FANFARE_AUTH_ISSUER": ISSUER, "FANFARE_AUTH_AUDIENCE": AUDIENCE}
HS256: Final = ISSUED | {"FANFARE_AUTH": "hs256", "FANFARE_AUTH_SECRET": "/fanfare-dev/secret"}
PRIVATE: Final = {"FANFARE_PRIVATE_ROOMS": "secret-*"}
TEAM: Final = {"fanfare": {"join": ["tea", "secret-team"]}}

UNAUTHORIZED: Final = {"statusCode": HTTPStatus.UNAUTHORIZED}
FORBIDDEN: Final = {"statusCode": HTTPStatus.FORBIDDEN}


class Tokens:
    """Clients that show tokens, signed with the secret that SSM holds."""

    def __init__(self, lambdas: Lambdas, connections: Connections) -> None:
        self.lambdas = lambdas
        self.connections = connections
        self.chat = Chat(lambdas, connections)

    def connect(self, connection_id: str, token: str, subprotocol: str = SUBPROTOCOL) -> Any:
        """Open a connection with a token; the result is the handler's answer."""
        return self.lambdas.connect(connection_id, None, f"{subprotocol}, {token}")

    def enter(self, connection_id: str, *rooms: str, **claims: object) -> None:
        """Connect as whom a token names, join rooms, and forget what was said about that."""
        assert self.connect(connection_id, shared(**claims))["statusCode"] == HTTPStatus.OK
        for room in rooms:
            self.chat.send(connection_id, action="join", room=room)
        self.lambdas.broadcast()
        self.connections.received.clear()

    def age(self, connection_id: str, end: float) -> None:
        """Let the token of a connection end so many seconds from now, for a new container."""
        table = resources.client("dynamodb")
        for item in table.scan(TableName=resources.TABLE)["Items"]:
            own = f"C#{connection_id}" == item["pk"]["S"] or item["sk"]["S"].endswith(connection_id)
            if own and "until" in item:
                item["until"] = {"N": str(int(self.lambdas.clock() + end))}
                table.put_item(TableName=resources.TABLE, Item=item)
        with container.fresh():
            pass

    def closed(self) -> list[str]:
        """The connections that the gateway was asked to close."""
        requests = self.connections.requests
        return [request.connection_id for request in requests if request.method == "DELETE"]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what the functions find in their environment, and lets a new container begin."""

    def set_environment(env: dict[str, str]) -> None:
        for key, value in env.items():
            monkeypatch.setenv(key, value)
        with container.fresh():
            pass

    return set_environment


@pytest.fixture
def tokens(lambdas: Lambdas, connections: Connections, configure: Callable[..., None]) -> Tokens:
    """The functions in the mode `hs256`, with private rooms."""
    boto3.client("ssm").put_parameter(Name="/fanfare-dev/secret", Value=SECRET, Type="SecureString")
    configure(HS256 | PRIVATE)
    return Tokens(lambdas, connections)


def test_a_token_decides_who_somebody_is(tokens: Tokens) -> None:
    """The name comes from it, and the answer picks version 1 and never repeats the token."""
    answer = tokens.lambdas.connect(
        ADA, {"username": "Mallory", "session": "m" * 22}, f"{SUBPROTOCOL}, {shared(name='Ada')}"
    )
    assert answer == {
        "statusCode": HTTPStatus.OK,
        "headers": {"Sec-WebSocket-Protocol": SUBPROTOCOL},
    }
    you = tokens.chat.answer(ADA, action="join", room="tea")["you"]
    assert you["username"] == "Ada"


def test_two_connections_of_a_subject_are_one_user(tokens: Tokens) -> None:
    """A message's id is scoped by it: sent again over the other one, it is the same message."""
    tokens.enter(ADA, "tea")
    tokens.enter(BOB, "tea")
    tokens.enter(CAT, "tea", sub="cat")
    for sender in (ADA, BOB, CAT):
        tokens.chat.say(sender, "hi", id="mine")
    history = tokens.chat.answer(CAT, action="history", room="tea")
    assert len(history["messages"]) == 2


def test_without_a_good_token_nobody_gets_in(tokens: Tokens) -> None:
    """401, with nothing about why; nothing of the connection is kept."""
    for subprotocols in (
        None,
        SUBPROTOCOL,
        f"{SUBPROTOCOL}, x.y.z",
        f"{SUBPROTOCOL}, {shared('another secret of the tests, 43 characters.')}",
        f"{SUBPROTOCOL}, {shared(exp=1_700_000_000)}",
        f"{SUBPROTOCOL}, {shared(aud='another')}",
        f"{SUBPROTOCOL}, {signed()}",
        f"x, {SUBPROTOCOL}, {shared()}",
    ):
        assert tokens.lambdas.connect(ADA, {"token": shared()}, subprotocols) == UNAUTHORIZED
    table = resources.client("dynamodb")
    assert table.scan(TableName=resources.TABLE)["Items"] == []


def test_a_token_in_the_query_is_taken_only_where_allowed(
    tokens: Tokens, configure: Callable[..., None]
) -> None:
    """Access logs may hold queries, so somebody has to have decided that."""
    assert tokens.lambdas.connect(ADA, {"token": shared()}, SUBPROTOCOL) == UNAUTHORIZED
    configure({"FANFARE_AUTH_QUERY": "allowed"})
    assert tokens.lambdas.connect(ADA, {"token": shared()})["statusCode"] == HTTPStatus.OK


def test_a_page_from_elsewhere_gets_no_connection(
    tokens: Tokens, configure: Callable[..., None]
) -> None:
    """403 whatever token it has got hold of, with nothing about why."""
    configure({"FANFARE_ORIGINS": "https://chat.example.com"})
    offer = f"{SUBPROTOCOL}, {shared()}"
    for origin in ("https://evil.example", "null"):
        assert tokens.lambdas.connect(ADA, None, offer, origin) == FORBIDDEN
    answer = tokens.lambdas.connect(ADA, None, offer, "https://chat.example.com")
    assert answer["statusCode"] == HTTPStatus.OK


def test_a_refused_origin_is_in_the_log(
    tokens: Tokens, configure: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    """A page forgotten in the settings is found in the log; a long one is cut."""
    configure({"FANFARE_ORIGINS": "https://chat.example.com"})
    tokens.lambdas.connect(ADA, None, SUBPROTOCOL, "https://forgotten.example")
    tokens.lambdas.connect(ADA, None, SUBPROTOCOL, "https://" + "x" * 5000)
    first, second = (one for one in map(vars, caplog.records) if one.get("function") == "connect")
    assert first["reason"] == "the origin 'https://forgotten.example' is not allowed"
    assert len(second["reason"]) < 250


def test_on_prod_a_page_from_elsewhere_gets_no_connection(
    lambdas: Lambdas, configure: Callable[..., None]
) -> None:
    """Without a list, the API's own host alone is let in."""
    configure({"FANFARE_STAGE": "prod", "FANFARE_ANONYMOUS": "allowed"})
    assert lambdas.connect(ADA, None, SUBPROTOCOL, "https://evil.example") == FORBIDDEN
    own = "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com"
    assert lambdas.connect(ADA, None, SUBPROTOCOL, own)["statusCode"] == HTTPStatus.OK


def test_an_issuers_keys_come_from_its_address(
    lambdas: Lambdas, configure: Callable[..., None]
) -> None:
    """503 while it is down, which a client tries again after; 401 only for what is not signed."""
    with Jwks(public("rsa")) as issuer:
        issuer.status = HTTPStatus.BAD_GATEWAY
        configure(ISSUED | {"FANFARE_AUTH": "jwks", "FANFARE_AUTH_JWKS_URL": issuer.url})
        down = lambdas.connect(ADA, None, f"{SUBPROTOCOL}, {signed()}")
        assert down == {"statusCode": HTTPStatus.SERVICE_UNAVAILABLE}
        issuer.status = HTTPStatus.OK
        configure({})
        up = lambdas.connect(ADA, None, f"{SUBPROTOCOL}, {signed()}")
        assert up["statusCode"] == HTTPStatus.OK
        assert lambdas.connect(BOB, None, f"{SUBPROTOCOL}, {signed('other')}") == UNAUTHORIZED
        assert lambdas.connect(BOB, None, f"{SUBPROTOCOL}, {shared()}") == UNAUTHORIZED


def test_the_plain_form_is_let_in_where_the_lobby_is_granted(tokens: Tokens) -> None:
    """It can't be told later that it may not be there."""
    answer = tokens.connect(PLAIN, shared(fanfare={"join": ["tea"]}), "x")
    assert answer == UNAUTHORIZED
    assert tokens.lambdas.connect(PLAIN, None, shared(**TEAM)) == FORBIDDEN
    granted = shared(fanfare={"join": ["lobby"]})
    assert tokens.lambdas.connect(PLAIN, None, granted)["statusCode"] == HTTPStatus.OK


def test_who_may_only_listen_does_not_speak(tokens: Tokens) -> None:
    """Joining is one right, speaking another; signals are speech, too."""
    tokens.enter(ADA, "tea", fanfare={"join": ["tea"], "publish": []})
    for frame in (
        {"action": "message", "room": "tea", "message": "hi"},
        {"action": "signal", "room": "tea", "data": 1},
    ):
        assert tokens.chat.answer(ADA, **frame)["code"] == "forbidden"
    assert tokens.lambdas.queued() == []


def test_a_token_near_its_end_warns_with_every_answer(tokens: Tokens) -> None:
    """From five minutes before, when even a client that only pings will hear of it."""
    tokens.enter(ADA, "tea")
    tokens.age(ADA, WARNED_SECONDS + 30)
    assert tokens.chat.answer(ADA, action="ping")["type"] == "pong"
    tokens.age(ADA, WARNED_SECONDS - 1)
    for frame, answers in (
        ({"action": "ping"}, ["pong", "expiring"]),
        ({"action": "message", "room": "tea", "message": "hi"}, ["expiring"]),
    ):
        tokens.chat.send(ADA, **frame)
        heard = tokens.chat.heard(ADA)
        assert [one["type"] for one in heard] == answers
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", heard[-1]["at"])


def test_after_its_end_only_a_new_token_is_taken(tokens: Tokens) -> None:
    """Every other action is refused, and nothing of it is done; after a renewal all goes on."""
    tokens.enter(ADA, "tea")
    tokens.age(ADA, -1)
    for action in ("message", "join", "leave", "history", "signal", "who", "ping"):
        frame = {"action": action, "room": "tea", "message": "hi", "data": 1}
        error = tokens.chat.answer(ADA, **(frame if action != "ping" else {"action": "ping"}))
        assert (error["code"], error["retry"]) == ("token_expired", "reconnect")
    assert tokens.lambdas.queued() == []
    renewed = tokens.chat.answer(ADA, action="renew", token=shared())
    assert renewed["type"] == "renewed"
    tokens.chat.say(ADA, "hi")
    assert [one["type"] for one in tokens.chat.heard(ADA)] == ["ack"]
    assert tokens.closed() == []


def test_when_the_grace_is_over_who_speaks_is_closed_and_forgotten(tokens: Tokens) -> None:
    """Even with a new token; the room hears that its user has left."""
    tokens.enter(ADA, "tea", name="Ada")
    tokens.enter(BOB, "tea", sub="bob")
    tokens.age(ADA, -GRACE_SECONDS)
    error = tokens.chat.answer(ADA, action="renew", token=shared())
    assert error["code"] == "token_expired"
    assert tokens.closed() == [ADA]
    assert tokens.chat.answer(ADA, action="ping")["code"] == "unknown_connection"
    tokens.lambdas.broadcast()
    [presence] = tokens.chat.heard(BOB)
    assert [user["username"] for user in presence["left"]] == ["Ada"]


def test_a_broadcast_tells_nothing_to_members_past_their_time(tokens: Tokens) -> None:
    """It closes their connections instead; within the grace they still hear."""
    tokens.enter(ADA, "tea")
    tokens.enter(BOB, "tea", sub="bob")
    tokens.enter(CAT, "tea", sub="cat")
    tokens.age(BOB, 5 - GRACE_SECONDS)
    tokens.age(CAT, -GRACE_SECONDS)
    tokens.chat.say(ADA, "hi")
    assert texts(tokens.chat.heard(BOB)) == [(1, "hi")]
    assert CAT not in tokens.connections.received
    assert tokens.closed() == [CAT]
    assert tokens.chat.answer(ADA, action="who", room="tea")["members"][2:] == []


def test_no_other_token_renews(tokens: Tokens) -> None:
    """Another user's, one that has ended, none: the connection keeps the end that it had."""
    tokens.enter(ADA, "tea")
    tokens.age(ADA, -1)
    for token in (shared(sub="bob"), shared(exp=1_700_000_000), signed(), "", "x" * 10_000):
        error = tokens.chat.answer(ADA, action="renew", token=token)
        assert error["code"] == "forbidden"
        assert not token or token not in json.dumps(error)
        assert tokens.chat.answer(ADA, action="ping")["code"] == "token_expired"


def test_where_there_are_no_tokens_none_renews(lambdas: Lambdas, connections: Connections) -> None:
    """A client that sends one anyway is told so."""
    chat = Chat(lambdas, connections)
    chat.enter(ADA, "Ada")
    assert chat.answer(ADA, action="renew", token=shared())["code"] == "forbidden"


def test_with_a_right_that_is_gone_goes_the_room(tokens: Tokens) -> None:
    """A new token that grants less puts its connection out of what it grants no more."""
    tokens.enter(ADA, "tea", "secret-team", **TEAM)
    tokens.enter(BOB, "secret-team", sub="bob", **TEAM)
    tokens.chat.send(ADA, action="renew", token=shared())
    left, renewed = tokens.chat.heard(ADA)
    assert left == {"type": "left", "room": "secret-team", "reason": "rights"}
    assert renewed["type"] == "renewed"
    tokens.chat.send(BOB, action="message", room="secret-team", message="just us")
    tokens.lambdas.broadcast()
    assert tokens.chat.heard(ADA) == []
    assert tokens.chat.answer(ADA, action="join", room="secret-team")["code"] == "forbidden"


def test_nobody_learns_whether_a_private_room_exists(tokens: Tokens) -> None:
    """The answer is the same but for the name; nothing is queued, and the room hears nothing."""
    tokens.enter(BOB, "secret-team", sub="bob", **TEAM)
    tokens.chat.send(BOB, action="message", room="secret-team", message="hi", id="mine")
    tokens.lambdas.broadcast()
    tokens.enter(ADA, "tea")
    before = room_items("secret-")
    for frame in (
        {"action": "join"},
        {"action": "join", "since": 0, "epoch": "guessed"},
        {"action": "leave"},
        {"action": "who"},
        {"action": "who", "next": "0000"},
        {"action": "history"},
        {"action": "history", "after": 0},
        {"action": "message", "message": "hi"},
        {"action": "message", "message": "hi", "id": "mine", "resend": True},
        {"action": "signal", "data": 1},
        {"action": "ping"},
    ):
        answers = set()
        for room in ("secret-team", "secret-none"):
            asked = {"rooms": [room]} if frame["action"] == "ping" else {"room": room}
            answer = json.dumps(tokens.chat.answer(ADA, **frame, **asked))
            answers.add(answer.replace(room, "…"))
        assert len(answers) == 1, answers
    assert tokens.lambdas.queued() == []
    assert BOB not in tokens.connections.received
    assert room_items("secret-") == before


def room_items(prefix: str) -> list[Any]:
    """Everything that is kept of the rooms whose names begin so."""
    items = resources.client("dynamodb").scan(TableName=resources.TABLE)["Items"]
    return [item for item in items if item["pk"]["S"].startswith(f"R#{prefix}")]


def strings(content: object) -> Iterator[str]:
    """Every string in some JSON, keys included."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from (key, *strings(value))
    elif isinstance(content, list):
        for value in content:
            yield from strings(value)
    elif isinstance(content, str):
        yield content


def test_clients_of_version_1_are_told_nobodys_connection(
    lambdas: Lambdas, connections: Connections
) -> None:
    """Of all frames of a conversation, whatever they hold, none holds an id of a connection."""
    chat = Chat(lambdas, connections)
    lambdas.connect(PLAIN, {"username": "Pat"})
    for connection_id, name in ((ADA, "Ada"), (BOB, "Bob"), (CAT, "Cat")):
        lambdas.connect(connection_id, {"username": name, "session": f"s-{name:-<14}"}, SUBPROTOCOL)
        chat.send(connection_id, action="join", room="lobby")
        lambdas.broadcast()
    for frame in (
        {"action": "message", "message": "hi", "id": "1"},
        {"action": "message", "message": "hi", "id": "1", "resend": True},
        {"action": "join", "room": "lobby", "since": 0, "epoch": "other"},
        {"action": "history", "room": "lobby"},
        {"action": "who", "room": "lobby"},
        {"action": "signal", "room": "lobby", "data": {"typing": True}},
        {"action": "ping", "rooms": ["lobby"]},
        {"action": "nothing"},
        {"action": "leave", "room": "lobby"},
    ):
        chat.send(ADA, **frame)
        lambdas.message(PLAIN, {"action": "message", "message": "hi", "type": "chat"})
        lambdas.broadcast()
    lambdas.disconnect(CAT)
    lambdas.broadcast()
    told = [
        text
        for receiver in (ADA, BOB, CAT)
        for one in chat.heard(receiver)
        for text in strings(one)
    ]
    assert len(told) > 100
    assert not {ADA, BOB, CAT, PLAIN} & set(told)
    assert not any(one in text for text in told for one in (ADA, BOB, CAT, PLAIN))


def test_no_line_of_the_log_holds_a_token_a_secret_or_a_session(
    tokens: Tokens,
    configure: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither when all goes well nor when it fails, wherever it fails."""
    session = "a-session-of-the-client"
    expired, good, other = shared(exp=1_700_000_000), shared(), shared(sub="bob")
    short = "hunter2hunter2"
    lambdas, chat = tokens.lambdas, tokens.chat
    for token in (good, expired, signed(), f"{good}x", good.rpartition(".")[0] + ".", "x y"):
        lambdas.connect(ADA, {"session": session, "token": token}, f"{SUBPROTOCOL}, {token}")
    lambdas.connect(ADA, {"session": session}, f"{SUBPROTOCOL}, {good}")
    for token in (good, expired, other):
        chat.send(ADA, action="renew", token=token)
    lambdas.message(ADA, f'{{"action":"renew","token":"{good}"')
    lambdas.message(ADA, {"action": "renew", "token": [good]})
    lambdas.message(ADA, {"action": good})
    tokens.connections.ill[ADA] = HTTPStatus.FORBIDDEN
    chat.send(ADA, action="renew", token=good)
    boto3.client("ssm").put_parameter(
        Name="/fanfare-dev/secret", Value=short, Type="SecureString", Overwrite=True
    )
    configure({})
    with pytest.raises(Exception, match="bytes long"):
        lambdas.connect(ADA, {"session": session}, f"{SUBPROTOCOL}, {good}")
    configure({"FANFARE_AUTH_SECRET": "/fanfare/missing"})
    lambdas.connect(ADA, {"session": session}, f"{SUBPROTOCOL}, {good}")
    configure({"FANFARE_AUTH": "anonymous"})
    lambdas.connect(ADA, {"session": f"{session} is not right"}, SUBPROTOCOL)
    lines = [vars(record) for record in caplog.records]
    assert sum(line.get("function") == "connect" for line in lines) == 10
    logged = "".join((*capsys.readouterr(), caplog.text, str(lines)))
    for kept in (session, SECRET, short, *good.split("."), *expired.split("."), *other.split(".")):
        assert kept not in logged
