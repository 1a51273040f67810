"""Authentication port."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chalicelib.core.identity import Identity


@dataclass(frozen=True, slots=True)
class HandshakeCredentials:
    """Credentials that a client sends with its handshake.

    Attributes:
        token: a JSON Web Token; it is kept out of `repr`, so that no log can hold it.
        session: the client's own random value.
        username: what the client wants to be called.
    """

    token: str | None = field(default=None, repr=False)
    session: str | None = field(default=None, repr=False)
    username: str = ""


class Authenticator(Protocol):
    """Checks credentials."""

    def authenticate(self, credentials: HandshakeCredentials) -> Identity:
        """Return the identity that these credentials prove.

        Raises:
            HandshakeError: they prove nothing (401), or are malformed (400).
            UnavailableError: the keys to check them with can't be had now.
        """
