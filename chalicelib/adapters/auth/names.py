"""Names and user ids: names fit to be shown, and ids that reveal nothing."""

from __future__ import annotations

import uuid
from typing import Final

from chalicelib.core.limits import NAME_LIMIT
from chalicelib.core.model import UserId
from chalicelib.core.text import visible

ANONYMOUS: Final = "Anonymous"
_SESSIONS: Final = uuid.UUID("5f0d1f0a-7c1e-4a86-9d0b-9b6f6a5c3f10")
_SUBJECTS: Final = uuid.UUID("0b1f6d3e-52c4-4c0b-9a55-6a0c8b1d7e42")


def clean_name(name: str, limit: int = NAME_LIMIT) -> str:
    """Return a name fit to be shown: visible, bounded, never empty."""
    return visible(name)[:limit].strip() or ANONYMOUS


def user_of_session(session: str) -> UserId:
    """Make a user id of a session, which stays a secret between the client and the server."""
    return UserId(str(uuid.uuid5(_SESSIONS, session)))


def user_of_subject(issuer: str, subject: str) -> UserId:
    """Make a user id of a token's subject, which may be an address of mail.

    No session can lead to the id of a subject, nor one issuer's subject to another's.
    """
    return UserId(str(uuid.uuid5(_SUBJECTS, f"{issuer}\n{subject}")))
