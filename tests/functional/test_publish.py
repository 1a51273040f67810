"""Servers publish over HTTP: under tokens, rights, limits and numbers like everybody."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest

from chalicelib import container
from chalicelib.core.identity import GRACE_SECONDS
from chalicelib.core.protocol import FRAME_LIMIT, MESSAGE_LIMIT
from tests.functional.issued import want_tokens
from tests.functional.test_identity import Tokens
from tests.functional.test_rooms import ADA, BOB, PLAIN, texts
from tests.support.jwt_issuer import shared

if TYPE_CHECKING:
    from chalice.test import Client, HTTPResponse

    from tests.functional.conftest import Lambdas
    from tests.support.management_server import Connections

SERVER: Final = {"sub": "server", "name": "Weather"}
BAD: Final[tuple[tuple[str, object, tuple[int, str]], ...]] = (
    ("tea", b"no json", (400, "bad_json")),
    ("tea", b'{"message":"\xff"}', (400, "bad_json")),
    ("tea", {}, (400, "bad_frame")),
    ("tea", {"message": 1}, (400, "bad_frame")),
    ("tea", {"message": "hi", "id": "no spaces"}, (400, "bad_frame")),
    ("tea", {"message": "x" * (MESSAGE_LIMIT + 1)}, (413, "too_large")),
    ("tea", b'"' + b"x" * FRAME_LIMIT + b'"', (413, "too_large")),
    ("%20tea", {"message": "hi"}, (400, "bad_room")),
    (quote("\u202e"), {"message": "hi"}, (400, "bad_room")),
    ("%ff", {"message": "hi"}, (400, "bad_room")),
)
OPERATOR: Final = {"sub": "operator", "name": "Operator", "fanfare": {"moderate": ["*"]}}


class Desk(Tokens):
    """The route to which servers send their messages."""

    def __init__(self, lambdas: Lambdas, connections: Connections, client: Client) -> None:
        super().__init__(lambdas, connections)
        self._client = client

    def post(self, path: str, body: object, token: str | None = None) -> HTTPResponse:
        """Post something; anything but bytes is sent as JSON."""
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._client.http.post(path, headers=headers, body=text)

    def publish(self, body: object, room: str = "tea", **claims: Any) -> HTTPResponse:
        """Publish in a room as whom a token names."""
        return self.post(f"/rooms/{quote(room)}/messages", body, shared(**(claims or SERVER)))

    def notify(self, user_id: str, body: object, **claims: Any) -> HTTPResponse:
        """Tell a user something."""
        return self.post(f"/users/{user_id}/messages", body, shared(**(claims or OPERATOR)))


@pytest.fixture
def desk(
    lambdas: Lambdas, connections: Connections, client: Client, monkeypatch: pytest.MonkeyPatch
) -> Desk:
    """Ada in the room `tea`, and servers that have tokens."""
    want_tokens(monkeypatch)
    desk = Desk(lambdas, connections, client)
    desk.enter(ADA, "tea", name="Ada", sub="ada")
    return desk


def code(response: HTTPResponse) -> tuple[int, str]:
    """The status of a refusal, and its code."""
    return response.status_code, response.json_body["code"]


def test_a_server_speaks_in_a_room_it_need_not_be_in(desk: Desk) -> None:
    """Its message is numbered among the others', and stands in history under its name."""
    desk.chat.say(ADA, "what is the weather?")
    desk.chat.heard(ADA)
    response = desk.publish({"message": "fair", "id": "w-1"})
    assert (response.status_code, response.json_body) == (202, {"id": "w-1"})
    desk.lambdas.broadcast()
    [message] = desk.chat.heard(ADA)
    assert (message["seq"], message["id"]) == (2, "w-1")
    assert message["data"]["message"] == "fair"
    assert message["data"]["username"] == "Weather"
    history = desk.chat.answer(ADA, action="history", room="tea")["messages"]
    assert texts(history) == [(1, "what is the weather?"), (2, "fair")]
    assert [request.method for request in desk.connections.requests].count("DELETE") == 0


def test_a_publication_sent_again_is_the_same_message(desk: Desk) -> None:
    """The id is the publisher's own; one is given to what has none."""
    for _ in range(2):
        assert desk.publish({"message": "fair", "id": "w-1"}).status_code == HTTPStatus.ACCEPTED
        desk.lambdas.broadcast()
    assert set(texts(desk.chat.heard(ADA))) == {(1, "fair")}
    ids = {desk.publish({"message": "fair"}).json_body["id"] for _ in range(2)}
    assert len(ids) == 2


def test_the_plain_form_hears_publications(desk: Desk) -> None:
    """In the lobby, and from no connection."""
    desk.lambdas.connect(PLAIN, None, shared(sub="plain"))
    desk.publish({"message": "fair"}, room="lobby")
    desk.lambdas.broadcast()
    [heard] = desk.chat.heard(PLAIN)
    assert heard["data"]["message"] == "fair"
    assert "senderConnectionId" not in heard["data"]


def test_names_of_rooms_come_encoded(desk: Desk) -> None:
    """Any name that a room may have can stand in the path."""
    name = "Tee & Gebäck 100%"
    desk.chat.send(ADA, action="join", room=name)
    desk.publish({"message": "fair"}, room=name)
    desk.lambdas.broadcast()
    assert texts(desk.chat.heard(ADA))[-1] == (1, "fair")


def test_without_a_good_token_nothing_is_published(desk: Desk) -> None:
    """The answer is 401, with no word about what is wrong; nothing is queued."""
    for path in ("/rooms/tea/messages", "/users/somebody/messages"):
        for token in (None, "nonsense", shared(exp=1_700_000_000), shared("x" * 40)):
            response = desk.post(path, {"message": "hi"}, token)
            assert (response.status_code, response.body) == (401, b"")
            assert response.headers["WWW-Authenticate"] == "Bearer"
    assert desk.lambdas.queued() == []


def test_where_clients_need_no_token_nobody_publishes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nobody to trust, and no connection to limit."""
    monkeypatch.setenv("FANFARE_AUTH", "anonymous")
    with container.fresh():
        assert desk.publish({"message": "hi"}).status_code == HTTPStatus.UNAUTHORIZED


def test_rights_bound_where_a_server_speaks(desk: Desk) -> None:
    """Rooms that it may not enter or not speak in are refused alike, existing or not."""
    claims = {"sub": "s", "fanfare": {"join": ["tea", "coffee"], "publish": ["coffee"]}}
    refused = [desk.publish({"message": "hi"}, room, **claims) for room in ("tea", "secret-1")]
    refused.append(desk.publish({"message": "hi"}, "secret-2"))
    assert [code(response) for response in refused] == [(403, "forbidden")] * 3
    assert len({response.body for response in refused}) == 1
    assert desk.publish({"message": "hi"}, "coffee", **claims).status_code == HTTPStatus.ACCEPTED


def test_sanctions_hold_over_http_too(desk: Desk) -> None:
    """A user banned from a room or muted there can't get around it by publishing."""
    desk.enter(BOB, "tea", sub="moderator", fanfare={"moderate": ["tea"]})
    desk.publish({"message": "first"})
    desk.lambdas.broadcast()
    user_id = desk.chat.heard(BOB)[-1]["data"]["userId"]
    for action, expected in (("mute", (429, "muted")), ("ban", (403, "banned"))):
        desk.chat.send(BOB, action=action, room="tea", userId=user_id, seconds=60)
        response = desk.publish({"message": "hi"})
        assert code(response) == expected
        assert ("Retry-After" in response.headers) == (action == "mute")


def test_a_bad_publication_is_refused(desk: Desk) -> None:
    """By the same codes as a frame, and nothing is queued."""
    for room, body, expected in BAD:
        assert code(desk.post(f"/rooms/{room}/messages", body, shared(**SERVER))) == expected
    assert desk.lambdas.queued() == []


def test_a_server_is_held_to_the_limits(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may say as much a second as a user may, and is told how long to wait."""
    monkeypatch.setenv("FANFARE_USER_FRAMES_PER_SECOND", "1")
    monkeypatch.setenv("FANFARE_BURST_SECONDS", "1")
    with container.fresh():
        responses = [desk.publish({"message": "hi"}) for _ in range(4)]
    assert responses[0].status_code == HTTPStatus.ACCEPTED
    assert code(responses[-1]) == (429, "slow_down")
    assert int(responses[-1].headers["Retry-After"]) >= 1


def test_a_custom_domain_needs_no_further_setting(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells neither the API's id nor its stage, which the members carry themselves."""
    monkeypatch.setenv("WEBSOCKET_URL", "wss://chat.example.com")
    monkeypatch.delenv("WEBSOCKET_ENDPOINT")
    with container.fresh():
        assert desk.publish({"message": "hi"}).status_code == HTTPStatus.ACCEPTED
    [job] = desk.lambdas.queued_messages()
    assert job["message"]["origin"] is None


def test_a_notice_reaches_all_connections_of_its_user(desk: Desk) -> None:
    """Every connection of version 1, in rooms or not, and nobody else; nothing is kept."""
    desk.enter(BOB, name="Ada", sub="ada")
    user_id = desk.chat.answer(ADA, action="join", room="tea")["you"]["userId"]
    response = desk.notify(user_id, {"message": "Your tea is ready.", "id": "n-1"})
    assert (response.status_code, response.json_body) == (202, {"id": "n-1", "delivered": 2})
    for connection_id in (ADA, BOB):
        [notice] = desk.chat.heard(connection_id)
        assert notice.pop("timestamp")
        sender = notice.pop("from")
        assert sender["username"] == "Operator"
        assert notice == {"type": "notice", "id": "n-1", "message": "Your tea is ready."}


def test_a_notice_to_nobody_is_delivered_to_nobody(desk: Desk) -> None:
    """A user without a connection, or an impossible one, gets nothing."""
    desk.connections.ill[ADA] = HTTPStatus.GONE
    assert desk.notify("nobody", {"message": "hi"}).json_body["delivered"] == 0
    assert code(desk.notify("no%20user", {"message": "hi"})) == (400, "bad_frame")


def test_only_who_keeps_order_everywhere_may_notify(desk: Desk) -> None:
    """Not one who moderates some rooms."""
    for moderate in ([], ["tea"], ["t*"]):
        response = desk.notify("somebody", {"message": "hi"}, fanfare={"moderate": moderate})
        assert code(response) == (403, "forbidden")


def test_a_connection_past_its_time_is_told_no_notice(desk: Desk) -> None:
    """Within the grace it still hears, after that it is as if it were closed."""
    user_id = desk.chat.answer(ADA, action="join", room="tea")["you"]["userId"]
    for end, told in ((5 - GRACE_SECONDS, 1), (-GRACE_SECONDS, 0)):
        desk.age(ADA, end)
        assert desk.notify(user_id, {"message": "hi"}).json_body["delivered"] == told
