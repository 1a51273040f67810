"""Token authentication: verifies a JSON Web Token and reads the rights that it grants."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

import jwt
import msgspec

from chalicelib.adapters.auth.names import clean_name, user_of_subject
from chalicelib.core.errors import HandshakeError, SettingsError
from chalicelib.core.identity import PATTERNS_LIMIT, Identity, Rights, has_ended
from chalicelib.core.limits import NAME_LIMIT
from chalicelib.core.model import User
from chalicelib.core.protocol import ROOM_NAME_LIMIT
from chalicelib.core.record import Record
from chalicelib.core.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chalicelib.adapters.auth.keys import Keys
    from chalicelib.core.ports.authenticator import HandshakeCredentials

TOKEN_LIMIT: Final = 8 * 1024
"""Characters of a token; longer ones are not even parsed. Headers end at 10,240 bytes."""

LEEWAY: Final = 30
"""Seconds by which an issuer's clock may be ahead; a token's end has no leeway.

A client can't help it if its fresh token is refused, but can renew one that has ended. So a token
is taken exactly as long as the connection that it opens may speak.
"""

NAME_CLAIMS: Final = ("name", "preferred_username", "cognito:username", "email")
"""Claims with a name, the best first; one without a visible character is passed over."""

RIGHTS_CLAIM: Final = "fanfare"
"""The claim that grants rights: `{"join": ["team-*"], "publish": ["team-*"], "moderate": []}`."""


class TokenAuthenticator(Record, frozen=True):
    """Trusts what an issuer has signed, and nothing else in a token.

    The algorithms are ours, never the token's: a public key can't be taken for a shared secret,
    and `none` signs nothing (https://www.rfc-editor.org/rfc/rfc8725#section-3.1).
    """

    keys: Keys
    algorithms: Sequence[str]
    issuer: str
    audience: str
    name_limit: int = NAME_LIMIT
    clock: Callable[[], float] = time.time

    def authenticate(self, credentials: HandshakeCredentials) -> Identity:
        """See `Authenticator`; the client's session and name are not looked at."""
        claims = self._claims(credentials.token)
        try:
            proven = msgspec.convert(claims, _Proven)
        except msgspec.ValidationError as error:
            raise _refusal(f"a claim is not right: {error}") from None
        until = int(proven.exp)
        if has_ended(until, self.clock()):
            raise _refusal("the token has ended")
        try:
            rights = read_rights(claims.get(RIGHTS_CLAIM))
        except msgspec.ValidationError as error:
            raise HandshakeError(
                HTTPStatus.FORBIDDEN, f"The claim {RIGHTS_CLAIM!r} is not right: {error}."
            ) from None
        texts = (claims[key] for key in NAME_CLAIMS if isinstance(claims.get(key), str))
        name = clean_name(next(filter(visible, texts), ""), self.name_limit)
        return Identity(User(user_of_subject(self.issuer, proven.sub), name), rights, until)

    def _claims(self, token: str | None) -> dict[str, Any]:
        if not token or len(token) > TOKEN_LIMIT:
            raise _refusal("no token" if not token else "the token is too long")
        try:
            # Only the key id and the algorithm are read before the signature is verified.
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in self.algorithms:
                raise _refusal("the algorithm is not one of ours")
            claims: dict[str, Any] = jwt.decode(
                token,
                self.keys.find(header.get("kid")),
                algorithms=self.algorithms,
                issuer=self.issuer,
                audience=self.audience,
                leeway=LEEWAY,
                options={
                    "require": ["exp", "sub", "iss", "aud"],
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.InvalidKeyError as error:
            raise SettingsError(f"Tokens can't be checked with the key there is: {error}") from None
        except (jwt.InvalidTokenError, UnicodeError, RecursionError, OverflowError) as error:
            raise _refusal(type(error).__name__) from None
        return claims


# JSON may hold half of a surrogate pair, which nothing that is written in UTF-8 can.
_Text = Annotated[str, msgspec.Meta(pattern=r"\A[^\ud800-\udfff]*\Z")]
_Moment = Annotated[float, msgspec.Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970, until the end of the year 9999."""


class _Proven(msgspec.Struct, frozen=True):
    """The form of the claims that a token can't do without, or that decide when it holds."""

    sub: Annotated[_Text, msgspec.Meta(min_length=1)]
    exp: _Moment
    nbf: _Moment = 0
    iat: _Moment = 0


_Patterns = Annotated[
    list[Annotated[_Text, msgspec.Meta(max_length=ROOM_NAME_LIMIT + 1)]],
    msgspec.Meta(max_length=PATTERNS_LIMIT),
]


class _Grant(msgspec.Struct, frozen=True):
    """The claim's form."""

    join: _Patterns | None = None
    publish: _Patterns | None = None
    moderate: _Patterns = []


def read_rights(claim: Any) -> Rights:
    """Read what a token grants; without a claim, every room that is not private.

    Raises:
        msgspec.ValidationError: it is of another form, or too long.
    """
    if claim is None:
        return Rights()
    grant = msgspec.convert(claim, _Grant)
    return Rights(
        None if grant.join is None else tuple(grant.join),
        None if grant.publish is None else tuple(grant.publish),
        tuple(grant.moderate),
    )


def _refusal(reason: str) -> HandshakeError:
    """Make the error; its reason is for the log, and holds nothing of the token."""
    return HandshakeError(HTTPStatus.UNAUTHORIZED, reason)
