"""A client asks for a connection."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib.model import LOBBY, Connection, UserId

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.events import GatewayEvent
    from chalicelib.store import Store

ANONYMOUS: Final = "Anonymous"
NAME_LIMIT: Final = 40
"""Characters of a name; the rest of a longer one is cut off."""


@dataclass(frozen=True)
class Connect:
    """Keeps the connection and makes it a member of the lobby.

    Nothing is posted from here: until `$connect` has returned, the gateway answers 410 to every
    post (https://repost.aws/knowledge-center/410-gone-api-gateway).
    """

    store: Store
    new_user_id: Callable[[], UserId]

    def __call__(self, event: GatewayEvent) -> Connection:
        """Run the use case for a `$connect` event.

        Raises:
            UnavailableError: the connection could not be kept, so the handshake must fail.
        """
        context = event.request_context
        query = event.query_string_parameters or {}
        connection = Connection(
            id=context.connection_id,
            user_id=self.new_user_id(),
            username=clean_name(query.get("username", "")),
            connected_at=context.connected_at,
            rooms=frozenset({LOBBY}),
            api_id=context.api_id,
            stage=context.stage,
        )
        self.store.add(connection)
        return connection


def clean_name(name: str) -> str:
    """Return a name fit to be shown: one line, bounded, never empty."""
    printable = "".join(
        " " if unicodedata.category(character).startswith(("C", "Z")) else character
        for character in name
    )
    return " ".join(printable.split())[:NAME_LIMIT].strip() or ANONYMOUS
