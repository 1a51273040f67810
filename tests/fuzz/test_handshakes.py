"""Handshakes that nobody would make by mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.server import ANONYMOUS, SETTINGS, MemoryServer, Server, fuzz, serving
from tests.fuzz.strategies.handshakes import (
    ORIGINS,
    forged_tokens,
    good_handshakes,
    handshakes,
    odd_tokens,
)
from tests.fuzz.tried import tried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.fuzz.strategies.handshakes import Handshake

CONNECTION = "somebody="


def attempts(tokens: st.SearchStrategy[str]) -> st.SearchStrategy[list[Handshake]]:
    """Some handshakes, with some such tokens."""
    return st.lists(handshakes(tokens), min_size=5, max_size=20)


def shake(server: Server, handshake: Handshake) -> int:
    """Try a handshake; a refused one leaves nothing behind. The answer is its status."""
    tried["handshakes"] += 1
    before = server.state()
    status = server.connect(CONNECTION, handshake.headers, handshake.query)
    if status != 200:
        assert server.state() == before
        return status
    if origin(handshake) is not None:
        assert str(origin(handshake)).lower() == ORIGINS[0]
    return status


def origin(handshake: Handshake) -> str | None:
    """The origin that a handshake shows."""
    names = [name for name in handshake.headers if name.lower() == "origin"]
    return handshake.headers[names[0]] if names else None


@fuzz
@given(attempts(forged_tokens))
def test_no_forged_token_gets_in(handshakes: Sequence[Handshake]) -> None:
    """It is 401, or 403 for the origin, whatever is wrong with the token, and nothing is kept."""
    with serving(MemoryServer(SETTINGS)) as server:
        for handshake in handshakes:
            assert shake(server, handshake) in {401, 403}


@fuzz
@given(attempts(odd_tokens))
def test_no_odd_claim_breaks_anything(handshakes: Sequence[Handshake]) -> None:
    """A token that the issuer has signed is right, or is refused; it never fails."""
    with serving(MemoryServer(SETTINGS)) as server:
        for handshake in handshakes:
            assert shake(server, handshake) in {200, 401, 403}


@fuzz
@given(st.lists(good_handshakes(), min_size=5, max_size=20))
def test_a_good_token_gets_in_whatever_else_is_there(handshakes: Sequence[Handshake]) -> None:
    """Other headers and names, however odd, take nothing away from it."""
    with serving(MemoryServer(SETTINGS)) as server:
        for handshake in handshakes:
            assert shake(server, handshake) == 200


@fuzz
@given(attempts(forged_tokens))
def test_anonymous_handshakes_are_let_in_or_refused(handshakes: Sequence[Handshake]) -> None:
    """Without tokens, it is the origin and the session that may be wrong."""
    with serving(MemoryServer(ANONYMOUS)) as server:
        for handshake in handshakes:
            assert shake(server, handshake) in {200, 400, 403}
