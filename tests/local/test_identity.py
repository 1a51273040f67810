"""Tokens through `chalice local`: real sockets, an issuer's address, nothing replaced."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from websockets import Origin, Subprotocol
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from fanfare_client.client import Client, RefusedError, Timing
from tests.support.application import Fanfare
from tests.support.jwt_issuer import AUDIENCE, ISSUER, Jwks, public, signed
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from websockets.asyncio.client import ClientConnection

V1 = Subprotocol("fanfare.v1")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fanfare]:
    """An application that wants tokens of the tests' issuer, and has private rooms."""
    app = Fanfare(PROJECT, tmp_path_factory.mktemp("guarded"))
    path = app.project / ".chalice/config.json"
    config = json.loads(path.read_text())
    with Jwks(public("rsa")) as issuer:
        config["stages"]["dev"]["environment_variables"] |= {
            "FANFARE_AUTH": "jwks",
            "FANFARE_AUTH_JWKS_URL": issuer.url,
            "FANFARE_AUTH_ISSUER": ISSUER,
            "FANFARE_AUTH_AUDIENCE": AUDIENCE,
            "FANFARE_PRIVATE_ROOMS": "secret-*",
            "FANFARE_ORIGINS": "https://chat.example.com",
        }
        path.write_text(json.dumps(config))
        app.start()
        yield app
        app.stop()


def status(app: Fanfare, *offers: str, origin: str | None = None) -> tuple[int, bytes]:
    """Answer to a handshake: the status, and the body of a refusal."""

    async def knock() -> tuple[int, bytes]:
        wanted = [Subprotocol(offer) for offer in offers]
        page = None if origin is None else Origin(origin)
        try:
            async with connect(app.websocket_url, subprotocols=wanted, origin=page) as socket:
                assert socket.subprotocol == V1
                return HTTPStatus.SWITCHING_PROTOCOLS, b""
        except InvalidStatus as refusal:
            return refusal.response.status_code, bytes(refusal.response.body or b"")

    return asyncio.run(knock())


def test_a_handshake_is_refused_without_a_word_of_why(guarded: Fanfare) -> None:
    """401 for whatever is wrong with a token, 403 for a page from elsewhere, and no more."""
    good = signed()
    assert status(guarded, V1, good)[0] == HTTPStatus.SWITCHING_PROTOCOLS
    home = "https://chat.example.com"
    assert status(guarded, V1, good, origin=home)[0] == HTTPStatus.SWITCHING_PROTOCOLS
    refusals = [
        (HTTPStatus.UNAUTHORIZED, status(guarded, V1, signed("other"))),
        (HTTPStatus.UNAUTHORIZED, status(guarded, V1, signed(exp=1_700_000_000))),
        (HTTPStatus.UNAUTHORIZED, status(guarded, V1)),
        (HTTPStatus.FORBIDDEN, status(guarded, V1, good, origin="https://evil.example")),
    ]
    for expected, (answered, body) in refusals:
        assert answered == expected
        assert json.loads(body).keys() <= {"message", "connectionId", "requestId"}
        assert not any(word in body.lower() for word in (b"token", b"origin", b"expired", b"sign"))


def test_a_client_lives_by_a_succession_of_tokens(guarded: Fanfare) -> None:
    """Each ends within the warning, so that every answer brings a new one; nothing is lost."""
    shown: list[str] = []

    async def token() -> str:
        shown.append(signed(name="Ada", exp=int(time.time()) + 100 + len(shown)))
        return shown[-1]

    async def talk() -> None:
        hasty = Timing(renewal=0)
        async with Client(guarded.websocket_url, "", token=token, timing=hasty) as ada:
            await ada.join("tea")
            for number in range(5):
                assert await ada.send("tea", str(number)) == number + 1
            assert [who["username"] for who in await ada.who("tea")] == ["Ada"]
            with pytest.raises(RefusedError, match="not yours"):
                await ada.join("secret-team")

    asyncio.run(talk())
    assert len(shown) > 3
    log = guarded.log.read_text()
    assert not any(part in log for one in shown for part in one.split("."))


def publish(app: Fanfare, path: str, token: str, text: str) -> tuple[int, dict[str, object]]:
    """Publish something over HTTP; the result is the status, and the answer."""
    request = urllib.request.Request(
        app.page_url + path,
        json.dumps({"message": text}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


class Guest:
    """Somebody with a socket, whose frames a test writes and reads."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def ask(self, **frame: object) -> dict[str, Any]:
        """Send a frame, and return what comes back with the type that answers it."""
        answers = {"join": "joined", "message": "ack", "leave": "left"}
        await self._socket.send(json.dumps(frame))
        return await self.hear(answers.get(str(frame["action"]), "moderated"), "error")

    async def hear(self, *types: str) -> dict[str, Any]:
        """Wait for an object of one of some types."""
        while True:
            frame = json.loads(await asyncio.wait_for(self._socket.recv(), 10))
            for one in frame if isinstance(frame, list) else [frame]:
                if one["type"] in types:
                    return dict(one)


def test_order_is_kept_and_servers_speak_over_real_sockets(guarded: Fanfare) -> None:
    """A server's message, a mute, a deletion, a notice and a ban, as the gateway delivers them."""
    room = "the garden, 5 % off"
    path = f"rooms/{quote(room)}/messages"
    power = signed(sub="mod", name="Mod", fanfare={"moderate": ["*"]})
    bob_s = signed(sub="bob", name="Bob")

    async def talk() -> None:
        async with (
            connect(guarded.websocket_url, subprotocols=[V1, Subprotocol(power)]) as mods,
            connect(guarded.websocket_url, subprotocols=[V1, Subprotocol(bob_s)]) as bobs,
        ):
            mod, bob = Guest(mods), Guest(bobs)
            assert (await mod.ask(action="join", room=room))["you"]["moderate"] is True
            you = (await bob.ask(action="join", room=room))["you"]
            whom = {"room": room, "userId": you["userId"]}

            status, _ = await asyncio.to_thread(publish, guarded, path, bob_s, "from afar")
            assert status == HTTPStatus.ACCEPTED
            said = await bob.hear("message")
            assert (said["seq"], said["data"]["message"]) == (1, "from afar")

            await mod.ask(action="mute", **whom, seconds=60)
            refused = await bob.ask(action="message", room=room, message="hm")
            assert (refused["code"], refused["retryAfter"] > 0) == ("muted", True)
            _, refusal = await asyncio.to_thread(publish, guarded, path, bob_s, "hm")
            assert refusal["code"] == "muted"

            await mod.ask(action="delete", room=room, seq=1, epoch=said["epoch"])
            tombstone = await bob.hear("message")
            assert (tombstone["seq"], tombstone["data"]["deletes"]) == (2, 1)

            user = f"users/{you['userId']}/messages"
            _, told = await asyncio.to_thread(publish, guarded, user, power, "behave")
            assert told["delivered"] == 1
            assert (await bob.hear("notice"))["message"] == "behave"

            await mod.ask(action="ban", **whom, seconds=60)
            assert (await bob.hear("left"))["reason"] == "banned"
            assert (await bob.ask(action="join", room=room))["code"] == "banned"

    asyncio.run(talk())
    assert "from afar" not in guarded.log.read_text()
