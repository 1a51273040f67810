"""Authentication settings: the mode, its keys, private rooms and allowed origins."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import field

from chalicelib.core.origin_policy import OriginPolicy
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from chalicelib.core.identity import Patterns


class AuthMode(StrEnum):
    """Method by which a client proves its identity."""

    ANONYMOUS = "anonymous"
    HS256 = "hs256"
    JWKS = "jwks"


class AuthSettings(Record, frozen=True):
    """Settings of authentication and of access to rooms.

    Attributes:
        mode: how a client proves who it is (`FANFARE_AUTH`).
        secret: where the shared secret of `hs256` is kept (`FANFARE_AUTH_SECRET`): the name of an
            SSM parameter, which begins with `/`, or the ARN of a secret of Secrets Manager.
        jwks_url: where the issuer shows its keys (`FANFARE_AUTH_JWKS_URL`).
        issuer: what `iss` must be (`FANFARE_AUTH_ISSUER`).
        audience: what `aud` must hold (`FANFARE_AUTH_AUDIENCE`).
        token_in_query: whether a token may come as the query parameter `token`, which access logs
            may hold (`FANFARE_AUTH_QUERY=allowed`).
        private: rooms that only those may join whose token grants it
            (`FANFARE_PRIVATE_ROOMS`, patterns separated by commas).
        origins: the web pages that may connect (`FANFARE_ORIGINS`, separated by commas; `*` for
            all). On prod the default is the API's own host, elsewhere all.
    """

    mode: AuthMode = AuthMode.ANONYMOUS
    secret: str = ""
    jwks_url: str = ""
    issuer: str = ""
    audience: str = ""
    token_in_query: bool = False
    private: Patterns = ()
    origins: OriginPolicy = field(default_factory=OriginPolicy)
