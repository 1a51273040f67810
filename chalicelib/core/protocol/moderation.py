"""What a moderator sends to keep order in a room."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from chalicelib.core.errors import Code, FrameError

SANCTION_LIMIT: Final = 365 * 24 * 60 * 60
"""Seconds that a ban or a mute may last."""

_USER_ID: Final = r"\A[A-Za-z0-9-]{1,64}\Z"

UserRef = Annotated[str, msgspec.Meta(pattern=_USER_ID)]
"""A `userId`, as others' frames show it."""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=SANCTION_LIMIT)]


class Kick(msgspec.Struct, frozen=True, tag_field="action", tag="kick", rename="camel"):
    """Put a user out of a room, who may come back."""

    room: str
    user_id: UserRef


class Ban(msgspec.Struct, frozen=True, tag_field="action", tag="ban", rename="camel"):
    """Put a user out of a room for so long; 0 seconds lets one in again."""

    room: str
    user_id: UserRef
    seconds: Seconds


class Mute(msgspec.Struct, frozen=True, tag_field="action", tag="mute", rename="camel"):
    """Let a user only listen for so long; 0 seconds lets one speak again."""

    room: str
    user_id: UserRef
    seconds: Seconds


class Delete(msgspec.Struct, frozen=True, tag_field="action", tag="delete"):
    """Take away the text of the message that has this number in this epoch."""

    room: str
    seq: Annotated[int, msgspec.Meta(ge=1)]
    epoch: str


Act = Kick | Ban | Mute | Delete


def check_user_id(name: str) -> None:
    """Refuse what can be no user's id.

    Raises:
        FrameError: `bad_frame`.
    """
    if not re.match(_USER_ID, name):
        raise FrameError(
            Code.BAD_FRAME, "A user id has 1 to 64 characters of A-Z a-z 0-9 -, as frames show it."
        )
