"""A user has so many connections, and none for a while after a flood."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from chalicelib.core.errors import HandshakeError
from chalicelib.core.limits import HANDSHAKE_SECONDS, LIMITS, Limits
from chalicelib.core.model import Address, ConnectionId, UserId
from chalicelib.core.ports.poster import Reason
from chalicelib.service.connection_quota import (
    INQUIRIES,
    INQUIRY_INTERVAL,
    INQUIRY_SECONDS,
    ConnectionQuota,
)
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.support.builders import START, connection
from tests.support.fake_meter import FakeMeter
from tests.support.fakes import MemoryJobQueue, MemoryPoster, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.core.ports.authenticator import Authenticator
    from chalicelib.core.ports.poster import ConnectionInfo

LATER = HANDSHAKE_SECONDS


class Asked(MemoryPoster):
    """A gateway that notes whom it was asked after."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[ConnectionId] = []
        self.deadlines: list[float] = []

    def info(self, connection_id: ConnectionId, deadline: float) -> ConnectionInfo | Reason:
        """See `Manager.info`."""
        self.asked.append(connection_id)
        self.deadlines.append(deadline)
        return super().info(connection_id, deadline)


class Handshakes:
    """Handshakes of users, and a gateway where connections have ended without `$disconnect`."""

    def __init__(self, limits: Limits) -> None:
        self.now = START
        self.calls: list[str] = []
        self.store = MemoryStore(lambda: self.now, lambda call: self.calls.append(call))
        self.gateway = Asked()
        adapters = Adapters(
            self.store, MemoryJobQueue(), lambda _: self.gateway, cast("Authenticator", None)
        )
        use_cases = UseCases(adapters, Runtime(FakeMeter(), lambda: self.now), limits=limits)
        self.offered: list[Address] = []
        self.connection_quota = replace(use_cases.connection_quota, choose=self._last)

    def _last(self, addresses: Sequence[Address], count: int) -> list[Address]:
        """Choose the last ones, which chance might as well."""
        self.offered = list(addresses)
        return self.offered[-count:]

    def open(self, name: str, user: str = "ada") -> HTTPStatus:
        """Let a connection in, and return what the handshake answers."""
        new = replace(connection(name, user), connected_at=int(self.now * 1000))
        try:
            self.connection_quota.admit(new)
        except HandshakeError as refusal:
            return refusal.status
        self.store.add(new)
        return HTTPStatus.OK


def test_a_user_has_so_many_connections() -> None:
    """The next one is refused with 429, somebody else's is not, nor one after another's end."""
    handshakes = Handshakes(Limits(connections=2))
    answers = [handshakes.open(name) for name in ("1", "2", "3")]
    assert answers == [HTTPStatus.OK, HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS]
    assert handshakes.open("4", "bob") is HTTPStatus.OK
    handshakes.store.forget(ConnectionId("1="))
    assert handshakes.open("5") is HTTPStatus.OK


def test_connections_that_ended_without_a_word_don_t_count() -> None:
    """The gateway is asked after connections without a `$disconnect`; the gone are forgotten."""
    handshakes = Handshakes(Limits(connections=2))
    handshakes.open("1")
    handshakes.open("2")
    handshakes.now += LATER
    handshakes.gateway.ill[ConnectionId("1=")] = Reason.GONE
    assert handshakes.open("3") is HTTPStatus.OK
    assert handshakes.store.connection(ConnectionId("1=")) is None
    assert handshakes.open("4") is HTTPStatus.TOO_MANY_REQUESTS


def test_the_gateway_has_time_to_answer() -> None:
    """The deadline of an inquiry lies ahead, within the handshake's own time."""
    handshakes = Handshakes(Limits(connections=1))
    handshakes.open("1")
    handshakes.now += LATER
    began = time.monotonic()
    handshakes.open("2")
    [deadline] = handshakes.gateway.deadlines
    assert began < deadline <= time.monotonic() + INQUIRY_SECONDS


def test_the_gateway_is_asked_once_in_an_interval() -> None:
    """Further handshakes of that user are refused without a write, another user's is not."""
    handshakes = Handshakes(Limits(connections=1))
    for user in ("ada", "bob"):
        handshakes.open(user, user)
    handshakes.now += LATER
    for name in ("1", "2", "3"):
        assert handshakes.open(name) is HTTPStatus.TOO_MANY_REQUESTS
    assert handshakes.gateway.asked == [ConnectionId("ada=")]
    handshakes.calls.clear()
    handshakes.open("4")
    assert handshakes.calls == ["Query"]
    handshakes.gateway.ill[ConnectionId("bob=")] = Reason.GONE
    assert handshakes.open("5", "bob") is HTTPStatus.OK
    handshakes.now += INQUIRY_INTERVAL / 1000
    handshakes.gateway.ill[ConnectionId("ada=")] = Reason.GONE
    assert handshakes.open("6") is HTTPStatus.OK


def test_of_handshakes_side_by_side_one_asks() -> None:
    """Another that has claimed the inquiry since the account was read leaves nothing to ask."""
    handshakes = Handshakes(Limits(connections=1))
    handshakes.open("1")
    handshakes.now += LATER

    def overtake(call: str) -> None:
        if call == "Query":
            handshakes.store.claim_inquiry(UserId("ada"), 0, int(handshakes.now * 1000))

    store = MemoryStore(lambda: handshakes.now, overtake)
    handshakes.store = store
    handshakes.connection_quota = replace(handshakes.connection_quota, store=store)
    store.add(connection("1"))
    assert handshakes.open("2") is HTTPStatus.TOO_MANY_REQUESTS
    assert handshakes.gateway.asked == []


def test_stale_connections_behind_live_ones_are_found() -> None:
    """Ten of all are chosen, so that an ended one does not hide behind ten that go on."""
    handshakes = Handshakes(Limits(connections=2 * INQUIRIES))
    for number in range(2 * INQUIRIES):
        handshakes.open(str(number))
    handshakes.now += LATER
    stale = ConnectionId(f"{2 * INQUIRIES - 1}=")
    handshakes.gateway.ill[stale] = Reason.GONE
    assert handshakes.open("new") is HTTPStatus.OK
    assert len(handshakes.offered) == 2 * INQUIRIES
    assert len(handshakes.gateway.asked) == INQUIRIES
    assert stale in handshakes.gateway.asked


def test_chance_chooses_whom_to_ask_after() -> None:
    """Left to itself, the quota asks after another ten each time, none twice in one inquiry."""
    handshakes = Handshakes(LIMITS)
    connection_quota = ConnectionQuota(
        handshakes.store,
        handshakes.connection_quota.closer,
        handshakes.connection_quota.manager,
        LIMITS,
        lambda: START,
    )
    addresses = [
        Address(ConnectionId(f"{number}="), connection("1").api_stage, 0) for number in range(50)
    ]
    seen = set()
    for _ in range(100):
        chosen = connection_quota.choose(addresses, INQUIRIES)
        assert len(set(chosen)) == INQUIRIES
        seen.update(chosen)
    assert len(seen) > 2 * INQUIRIES


def test_a_connection_that_may_still_be_in_its_handshake_is_not_asked_after() -> None:
    """Until `$connect` has returned the gateway calls it gone, so it counts, and stays known."""
    handshakes = Handshakes(Limits(connections=1))
    handshakes.open("1")
    handshakes.gateway.ill[ConnectionId("1=")] = Reason.GONE
    handshakes.now += LATER - 0.001
    assert handshakes.open("2") is HTTPStatus.TOO_MANY_REQUESTS
    assert handshakes.store.connection(ConnectionId("1=")) is not None
    handshakes.now += 0.001
    assert handshakes.open("3") is HTTPStatus.OK


def test_who_has_flooded_is_not_let_in_for_a_while() -> None:
    """Until the time is over, and nobody else is kept out by it."""
    handshakes = Handshakes(LIMITS)
    handshakes.store.block_user(UserId("ada"), int((START + 60) * 1000))
    assert handshakes.open("1") is HTTPStatus.TOO_MANY_REQUESTS
    assert handshakes.open("2", "bob") is HTTPStatus.OK
    handshakes.now += 60
    assert handshakes.open("3") is HTTPStatus.OK


def test_only_what_says_gone_is_gone() -> None:
    """A gateway that can't be asked proves nothing, so the connection counts."""
    handshakes = Handshakes(Limits(connections=1))
    handshakes.open("1")
    handshakes.now += LATER
    handshakes.gateway.ill[ConnectionId("1=")] = Reason.THROTTLED
    assert handshakes.open("2") is HTTPStatus.TOO_MANY_REQUESTS
    assert handshakes.gateway.asked == [ConnectionId("1=")]
