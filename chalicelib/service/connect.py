"""A client asks for a connection."""

from __future__ import annotations

import re
import unicodedata
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib import events, protocol
from chalicelib.errors import HandshakeError
from chalicelib.model import LOBBY, Connection, Origin, Protocol, User, UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.events import GatewayEvent
    from chalicelib.service.presence import Herald
    from chalicelib.store import Store

ANONYMOUS: Final = "Anonymous"
NAME_LIMIT: Final = 40
"""Characters of a name; the rest of a longer one is cut off."""

SESSION: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")

USER_NAMESPACE: Final = uuid.UUID("5f0d1f0a-7c1e-4a86-9d0b-9b6f6a5c3f10")
"""Makes a user id of a session, which stays a secret between the client and the server."""


@dataclass(frozen=True)
class Connect:
    """Keeps the connection, and makes it a member of the lobby if it speaks the plain form.

    Nothing is posted from here: until `$connect` has returned, the gateway answers 410 to every
    post (https://repost.aws/knowledge-center/410-gone-api-gateway).
    """

    store: Store
    herald: Herald
    new_user_id: Callable[[], UserId]

    def __call__(self, event: GatewayEvent) -> Connection:
        """Run the use case for a `$connect` event.

        Raises:
            HandshakeError: the query is not right.
            UnavailableError: the connection could not be kept, so the handshake must fail.
        """
        context = event.request_context
        query = event.query_string_parameters or {}
        asked = {*events.offered_subprotocols(event), query.get("protocol")}
        connection = Connection(
            id=context.connection_id,
            user=User(self._user_id(query.get("session")), clean_name(query.get("username", ""))),
            protocol=Protocol.V1 if protocol.SUBPROTOCOL in asked else Protocol.PLAIN,
            connected_at=context.connected_at,
            origin=Origin(context.api_id, context.stage),
        )
        self.store.add(connection)
        if connection.protocol is Protocol.PLAIN:
            head = self.store.join(connection, LOBBY)
            self.herald.joined(connection, LOBBY, head.members)
        return connection

    def _user_id(self, session: str | None) -> UserId:
        if session is None:
            return self.new_user_id()
        if not SESSION.fullmatch(session):
            raise HandshakeError("`session` takes 16 to 64 characters of A-Z a-z 0-9 - _.")
        return UserId(str(uuid.uuid5(USER_NAMESPACE, session)))


def clean_name(name: str) -> str:
    """Return a name fit to be shown: one line, bounded, never empty."""
    printable = "".join(
        " " if unicodedata.category(character).startswith(("C", "Z")) else character
        for character in unicodedata.normalize("NFC", name)
    )
    return " ".join(printable.split())[:NAME_LIMIT].strip() or ANONYMOUS
