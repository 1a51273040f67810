"""Handshakes, right ones and broken ones."""

from __future__ import annotations

import functools
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import jwt
from hypothesis import strategies as st

from chalicelib.core.protocol import SUBPROTOCOL
from tests.fuzz.strategies.values import ODD_KEYS, ODD_TEXTS, UNSAYABLE, brief, texts, values
from tests.support import jwt_issuer

if TYPE_CHECKING:
    from collections.abc import Callable

ORIGINS: Final = (
    "https://chat.example.com",
    "HTTPS://CHAT.EXAMPLE.COM",
    "https://chat.example.com.evil.example",
    "https://evil.example/https://chat.example.com",
    "http://chat.example.com",
    "https://chat.example.com:8443",
    "null",
    "",
)
"""Origins that a handshake may show; the first is the one that is let in."""


@dataclass(frozen=True)
class Handshake:
    """Credentials and headers that a client shows when it connects."""

    headers: dict[str, str]
    query: dict[str, str] | None

    def __repr__(self) -> str:
        """Quote what a report can be read with."""
        return f"Handshake({brief(repr(self.headers))}, {brief(repr(self.query))})"


_CLAIMS: Final = ("iss", "aud", "sub", "exp", "nbf", "iat", "name", "fanfare", "cognito:username")
_claims: Final = st.dictionaries(
    st.sampled_from(_CLAIMS), st.one_of(values, st.just(...)), min_size=1, max_size=3
)


def _sign(claims: dict[str, Any]) -> str:
    text = json.dumps(jwt_issuer.claims(**claims))
    return jwt.PyJWS().encode(text.encode(), jwt_issuer.SECRET, "HS256")


odd_tokens: Final = st.builds(_sign, _claims)
"""Tokens that the issuer has signed, and that say something strange."""


@functools.cache
def _forgeries() -> tuple[str, list[str]]:
    """A token that is good, and what is made of it by who has no key."""
    token = jwt_issuer.shared(name=UNSAYABLE, exp=int(time.time()) + 86_400)
    header, claims, signature = token.split(".")
    return token, [
        jwt_issuer.shared(UNSAYABLE * 4),
        jwt_issuer.signed(),
        f"eyJhbGciOiJub25lIn0.{claims}.",
        f"eyJhbGciOiJub25lIn0.{claims}.{signature}",
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}..{signature}",
        f"{header}.{claims}.{signature[:-4]}",
        f"{claims}.{header}.{signature}",
        token[::-1],
        token * 40,
    ]


def _garble(place: int, letter: str) -> str:
    """Change a letter of the good token, but not the last one: some of its bits say nothing."""
    token, _ = _forgeries()
    place %= len(token) - 1
    other = letter if letter != token[place] else "-"
    return f"{token[:place]}{other}{token[place + 1 :]}"


forged_tokens: Final = st.one_of(
    st.integers(0, 99).map(lambda number: _forgeries()[1][number % len(_forgeries()[1])]),
    st.builds(_garble, st.integers(0, 999), st.sampled_from("AB=.é\0")),
)
"""Tokens that the issuer has not signed like this: another key, other parts, other letters."""


@st.composite
def good_handshakes(draw: Callable[..., Any]) -> Handshake:
    """Handshakes with a good token, and odd things beside it."""
    name, text, username = draw(texts), draw(texts), draw(texts)
    token = jwt_issuer.shared(name=name[:100].encode(errors="replace").decode())
    headers = {"Sec-WebSocket-Protocol": f"{SUBPROTOCOL},{token}", "User-Agent": text, text: text}
    return Handshake(headers, {"username": username, "session": text, text: username})


_spelling: Final = st.sampled_from((str.lower, str.upper, str.title, str))
_commas: Final = st.sampled_from((",", " , "))


def handshakes(tokens: st.SearchStrategy[str]) -> st.SearchStrategy[Handshake]:
    """Headers and query of a handshake, with tokens among the subprotocols or in the query."""
    offers = st.lists(
        st.one_of(st.just(SUBPROTOCOL), tokens, tokens, texts), unique=True, max_size=4
    )
    others = st.dictionaries(st.one_of(texts, st.sampled_from(ODD_KEYS)), texts, max_size=2)
    origins = st.one_of(st.none(), st.sampled_from((*ORIGINS, *ODD_TEXTS)))
    fields = {
        "username": texts,
        "session": st.one_of(texts, st.just("A" * 22)),
        "token": st.one_of(tokens, texts),
    }
    queries = st.one_of(st.none(), st.fixed_dictionaries({}, optional=fields))

    @st.composite
    def handshake(draw: Callable[..., Any]) -> Handshake:
        spell = draw(_spelling)
        headers = draw(others) | {
            spell("Sec-WebSocket-Protocol"): draw(_commas).join(draw(offers)),
        }
        origin = draw(origins)
        if origin is not None:
            headers[spell("Origin")] = origin
        return Handshake(headers, draw(queries))

    return handshake()
