"""Identifiers with the look of API Gateway's: 16 characters, the last one ``=``."""

import base64
import re
import secrets

# Eleven bytes fill 15 characters of the URL-safe base64 alphabet and leave one "=".
_ID_BYTES = 11
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{15}=")
# As on AWS, the ids of a connection's messages end like its own.
_SHARED_TAIL = 6


def request_id() -> str:
    """A new request id."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).decode()


def connection_id() -> str:
    """A new connection id."""
    return request_id()


def message_id(connection: str) -> str:
    """A new id for a message that came in over the connection."""
    return request_id()[:-_SHARED_TAIL] + connection[-_SHARED_TAIL:]


def is_connection_id(text: str) -> bool:
    """Whether API Gateway could have made this connection id."""
    return _CONNECTION_ID.fullmatch(text) is not None
