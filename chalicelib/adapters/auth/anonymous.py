"""Anonymous authentication: a client chooses its name and session."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from chalicelib.adapters.auth.names import clean_name, user_of_session
from chalicelib.core.errors import HandshakeError
from chalicelib.core.identity import Identity
from chalicelib.core.limits import NAME_LIMIT
from chalicelib.core.model import User
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.model import UserId
    from chalicelib.core.ports.authenticator import HandshakeCredentials

SESSION: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


class AnonymousAuthenticator(Record, frozen=True):
    """Takes the client's word for its name, and its session for who it is."""

    new_user_id: Callable[[], UserId]
    name_limit: int = NAME_LIMIT

    def authenticate(self, credentials: HandshakeCredentials) -> Identity:
        """See `Authenticator`; a token is not looked at."""
        name = clean_name(credentials.username, self.name_limit)
        return Identity(User(self._user_id(credentials.session), name))

    def _user_id(self, session: str | None) -> UserId:
        if session is None:
            return self.new_user_id()
        if not SESSION.fullmatch(session):
            raise HandshakeError(
                HTTPStatus.BAD_REQUEST, "`session` takes 16 to 64 characters of A-Z a-z 0-9 - _."
            )
        return user_of_session(session)
