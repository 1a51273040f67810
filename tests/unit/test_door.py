"""A user has so many connections, and none for a while after a flood."""

from __future__ import annotations

from http import HTTPStatus

from chalicelib.errors import HandshakeError
from chalicelib.limits import LIMITS, Limits
from chalicelib.model import ConnectionId, UserId
from chalicelib.posting import Reason
from chalicelib.service.closing import Closing
from chalicelib.service.door import Door
from chalicelib.service.presence import Herald
from tests.memory import MemoryOutbox, MemoryPoster, MemoryStore
from tests.people import START, connection
from tests.tally import Tally


class Doorway:
    """A door, and the gateway behind it, where connections have ended without a word."""

    def __init__(self, limits: Limits) -> None:
        self.now = START
        self.store = MemoryStore(lambda: self.now)
        self.gateway = MemoryPoster()
        herald = Herald(MemoryOutbox(), lambda: "id", Tally())
        closing = Closing(self.store, herald, lambda _: self.gateway, Tally())
        self.door = Door(self.store, closing, lambda _: self.gateway, limits, lambda: self.now)

    def open(self, name: str, user: str = "ada") -> HTTPStatus:
        """Let a connection in, and return what the handshake answers."""
        try:
            self.door.let_in(connection(name, user))
        except HandshakeError as refusal:
            return refusal.status
        self.store.add(connection(name, user))
        return HTTPStatus.OK


def test_a_user_has_so_many_connections() -> None:
    """The next one is refused with 429, somebody else's is not, nor one after another's end."""
    doorway = Doorway(Limits(connections=2))
    answers = [doorway.open(name) for name in ("1", "2", "3")]
    assert answers == [HTTPStatus.OK, HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS]
    assert doorway.open("4", "bob") is HTTPStatus.OK
    doorway.store.forget(ConnectionId("1="))
    assert doorway.open("5") is HTTPStatus.OK


def test_connections_that_ended_without_a_word_don_t_count() -> None:
    """Where `$disconnect` never came, the gateway is asked, and what is gone is forgotten."""
    doorway = Doorway(Limits(connections=2))
    doorway.open("1")
    doorway.open("2")
    doorway.gateway.ill[ConnectionId("1=")] = Reason.GONE
    assert doorway.open("3") is HTTPStatus.OK
    assert doorway.store.connection(ConnectionId("1=")) is None
    assert doorway.open("4") is HTTPStatus.TOO_MANY_REQUESTS


def test_who_has_flooded_is_not_let_in_for_a_while() -> None:
    """Until the time is over, and nobody else is kept out by it."""
    doorway = Doorway(LIMITS)
    doorway.store.bar(UserId("ada"), int((START + 60) * 1000))
    assert doorway.open("1") is HTTPStatus.TOO_MANY_REQUESTS
    assert doorway.open("2", "bob") is HTTPStatus.OK
    doorway.now += 60
    assert doorway.open("3") is HTTPStatus.OK


def test_only_what_says_gone_is_gone() -> None:
    """A gateway that can't be asked proves nothing, so the connection counts."""
    doorway = Doorway(Limits(connections=1))
    doorway.open("1")
    doorway.gateway.ill[ConnectionId("1=")] = Reason.THROTTLED
    assert doorway.open("2") is HTTPStatus.TOO_MANY_REQUESTS
