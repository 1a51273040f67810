"""The connections of one user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.core.model import Connection, UserId
    from chalicelib.core.ports.store import Store


def connections_of(store: Store, user_id: UserId) -> Iterator[Connection]:
    """Yield a user's connections as they are now; some may have ended without a word.

    Raises:
        UnavailableError: they can't be read.
    """
    for address in store.account(user_id).addresses:
        connection = store.connection(address.id)
        if connection:
            yield connection
