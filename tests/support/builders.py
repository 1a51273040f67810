"""Connections for tests of the use cases."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from chalicelib.core.model import ApiStage, Connection, ConnectionId, Protocol, User, UserId

START: Final = 1_795_543_903.0
"""Moment at which they opened, in seconds since 1970."""


def connection(name: str, user: str = "ada") -> Connection:
    """A connection of a user."""
    return Connection(
        id=ConnectionId(f"{name}="),
        user=User(UserId(user), user),
        protocol=Protocol.V1,
        connected_at=int(START * 1000),
        api_stage=ApiStage("a1b2c3d4e5", "api"),
    )


def gateway_id(name: str) -> ConnectionId:
    """The connection id of a name, with the look of the gateway's: `PJqB0fHsqRcCHlw=`."""
    return ConnectionId(
        base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()[:11]).decode()
    )
