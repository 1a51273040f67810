"""Rights, the end of tokens, and the settings of authentication."""

from __future__ import annotations

import pytest

from chalicelib.core.auth_settings import AuthMode
from chalicelib.core.errors import SettingsError
from chalicelib.core.identity import (
    GRACE_SECONDS,
    WARNED_SECONDS,
    Rights,
    ends_soon,
    has_ended,
    is_over,
    matches,
)
from chalicelib.core.model import RoomId
from chalicelib.settings import Settings
from tests.unit.test_settings import GOOD

ISSUED = {"FANFARE_AUTH_ISSUER": "https://issuer.example", "FANFARE_AUTH_AUDIENCE": "fanfare"}
HS256 = ISSUED | {"FANFARE_AUTH": "hs256", "FANFARE_AUTH_SECRET": "/fanfare/secret"}
JWKS = ISSUED | {"FANFARE_AUTH": "jwks", "FANFARE_AUTH_JWKS_URL": "https://issuer.example/jwks"}


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [("team-a", True), ("team-*", True), ("*", True), ("team", False), ("team-a*", True)],
)
def test_a_pattern_is_a_name_or_its_beginning(pattern: str, *, meant: bool) -> None:
    """A star stands for whatever follows, at the end only."""
    assert matches((pattern,), RoomId("team-a")) is meant
    assert not matches(("t*a",), RoomId("team-a"))
    assert not matches((), RoomId("team-a"))
    assert not matches(("team-*",), RoomId("team"))
    assert not matches(("team-*",), RoomId("teams"))


def test_private_rooms_are_for_those_whose_token_grants_them() -> None:
    """Without a grant every other room is open; a grant means its rooms, private or not."""
    private = ("team-*",)
    assert Rights().may_join(RoomId("tea"), private)
    assert not Rights().may_join(RoomId("team-a"), private)
    granted = Rights(join=("team-a",))
    assert granted.may_join(RoomId("team-a"), private)
    assert not granted.may_join(RoomId("team-b"), private)
    assert not granted.may_join(RoomId("tea"), private)
    assert not Rights(join=()).may_join(RoomId("tea"), private)


def test_speaking_and_moderating_are_granted_apart() -> None:
    """A user who may join may speak, unless a token says less; nobody moderates without a grant."""
    assert Rights().may_publish(RoomId("tea"))
    assert not Rights(publish=()).may_publish(RoomId("tea"))
    assert Rights(publish=("t*",)).may_publish(RoomId("tea"))
    assert not Rights().may_moderate(RoomId("tea"))
    assert Rights(moderate=("tea",)).may_moderate(RoomId("tea"))
    assert Rights(moderate=("tea", "*")).may_notify()
    assert not Rights(moderate=("tea", "t*")).may_notify()


def test_a_proof_is_warned_of_ends_and_is_over() -> None:
    """At these moments exactly; what has no end never does any of it."""
    until = 1000
    for judge, moment in (
        (ends_soon, until - WARNED_SECONDS),
        (has_ended, until),
        (is_over, until + GRACE_SECONDS),
    ):
        assert not judge(until, moment - 0.001)
        assert judge(until, moment)
        assert not judge(None, 1e12)


def test_prod_refuses_to_start_anonymous_unless_told_to() -> None:
    """The stage that matters lets nobody take any name by accident."""
    with pytest.raises(SettingsError, match="FANFARE_ANONYMOUS"):
        Settings.from_env(GOOD | {"FANFARE_STAGE": "prod"})
    told = GOOD | {"FANFARE_STAGE": "prod", "FANFARE_ANONYMOUS": "allowed"}
    assert Settings.from_env(told).access.mode is AuthMode.ANONYMOUS
    assert Settings.from_env(GOOD | {"FANFARE_STAGE": "dev"}).access.mode is AuthMode.ANONYMOUS
    assert Settings.from_env(GOOD | HS256 | {"FANFARE_STAGE": "prod"}).access.mode == "hs256"


@pytest.mark.parametrize("mode", [HS256, JWKS], ids=["hs256", "jwks"])
def test_a_mode_needs_all_of_its_settings(mode: dict[str, str]) -> None:
    """Each that is missing is named, so that no token is ever checked by halves."""
    Settings.from_env(GOOD | mode)
    for key in mode.keys() - {"FANFARE_AUTH"}:
        with pytest.raises(SettingsError, match=f"{key} is not set"):
            Settings.from_env(GOOD | mode | {key: ""})


@pytest.mark.parametrize(
    "env",
    [
        pytest.param({"FANFARE_AUTH": "none"}, id="no such mode"),
        pytest.param(HS256 | {"FANFARE_AUTH_SECRET": "hunter2hunter2"}, id="a secret itself"),
        pytest.param(JWKS | {"FANFARE_AUTH_JWKS_URL": "http://issuer.example"}, id="no TLS"),
        pytest.param(JWKS | {"FANFARE_AUTH_JWKS_URL": "file:///etc/passwd"}, id="a file"),
        pytest.param(JWKS | {"FANFARE_AUTH_QUERY": "yes"}, id="no such choice"),
        pytest.param({"FANFARE_PRIVATE_ROOMS": "team-*-a"}, id="a star inside"),
    ],
)
def test_a_setting_that_can_not_be_is_refused(env: dict[str, str]) -> None:
    """By its key; a secret that stands where its place should is not repeated."""
    with pytest.raises(SettingsError, match="FANFARE_") as caught:
        Settings.from_env(GOOD | env)
    assert "hunter2" not in str(caught.value)


def test_an_issuer_on_this_machine_may_do_without_tls() -> None:
    """For tests and for `chalice local`."""
    local = JWKS | {"FANFARE_AUTH_JWKS_URL": "http://127.0.0.1:9000/jwks"}
    assert Settings.from_env(GOOD | local).access.jwks_url == "http://127.0.0.1:9000/jwks"
