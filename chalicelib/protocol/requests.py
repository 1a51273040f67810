"""What clients send, decoded strictly."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from chalicelib.errors import Code, FrameError
from chalicelib.protocol.limits import (
    FRAME_LIMIT,
    MESSAGE_LIMIT,
    PAGE_LIMIT,
    PING_LIMIT,
    ROOM_NAME_LIMIT,
    SIGNAL_LIMIT,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


class Join(msgspec.Struct, frozen=True, tag_field="action", tag="join"):
    """Become a member of a room; `since` and `epoch` ask for what was missed."""

    room: str
    since: Annotated[int, msgspec.Meta(ge=0)] | None = None
    epoch: str | None = None


class Leave(msgspec.Struct, frozen=True, tag_field="action", tag="leave"):
    """Leave a room."""

    room: str


class Say(msgspec.Struct, frozen=True, tag_field="action", tag="message"):
    """Say something in a room."""

    message: str
    room: str = "lobby"
    type: Literal["chat"] = "chat"
    id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    resend: bool = False


class ReadHistory(msgspec.Struct, frozen=True, tag_field="action", tag="history"):
    """Read a page of old messages."""

    room: str
    after: Annotated[int, msgspec.Meta(ge=0)] | None = None
    before: Annotated[int, msgspec.Meta(ge=1)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_LIMIT)] = 50


class Signal(msgspec.Struct, frozen=True, tag_field="action", tag="signal"):
    """Tell the other members something that is not kept."""

    room: str
    data: msgspec.Raw


class Who(msgspec.Struct, frozen=True, tag_field="action", tag="who"):
    """Read a page of a room's members."""

    room: str
    next: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{4}$")] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="action", tag="ping"):
    """Keep the connection alive, and ask how far some rooms have come."""

    rooms: Annotated[list[str], msgspec.Meta(max_length=PING_LIMIT)] = []


Request = Join | Leave | Say | ReadHistory | Signal | Who | Ping
"""Whatever a client may send, told apart by `action`."""


class Description(msgspec.Struct, frozen=True):
    """What can be read of a refused frame, for the error to name it; each may be anything."""

    action: Any = None
    room: Any = None
    id: Any = None


_ACTIONS: Final = ("message", "join", "leave", "history", "signal", "who", "ping")
_request = msgspec.json.Decoder(Request)
_description = msgspec.json.Decoder(Description)


def decode(body: str) -> Request:
    """Read a client's frame.

    Raises:
        FrameError: `too_large`, `bad_json`, `unknown_action`, `bad_frame` or `bad_room`.
    """
    size = len(body.encode(errors="surrogatepass"))
    if size > FRAME_LIMIT:
        raise FrameError(
            Code.TOO_LARGE, f"The frame is {size} bytes long; {FRAME_LIMIT} is the limit."
        )
    try:
        request: Request = _request.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(body, error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise FrameError(Code.BAD_JSON, f"The frame is not JSON: {error}.") from None
    _check(request)
    return request


def _refusal(body: str, error: msgspec.ValidationError) -> FrameError:
    named = describe(body).action
    if isinstance(named, str) and named not in _ACTIONS:
        return unknown_action(named, _ACTIONS)
    return FrameError(Code.BAD_FRAME, f"The frame is not right: {error}.")


def action(request: Request) -> str:
    """Return the action of a frame."""
    return str(request.__struct_config__.tag)


def unknown_action(name: str, known: Iterable[str]) -> FrameError:
    """Make the error for an action that this connection cannot use."""
    return FrameError(
        Code.UNKNOWN_ACTION,
        f"There is no action {name[:40]!r} here; there are: {', '.join(known)}.",
    )


def _check(request: Request) -> None:
    if isinstance(request, Ping):
        return
    if not is_room_name(request.room):
        raise FrameError(
            Code.BAD_ROOM,
            f"A room's name has 1 to {ROOM_NAME_LIMIT} visible characters; spaces stand between.",
        )
    match request:
        case Say(message=text) if len(text.encode()) > MESSAGE_LIMIT:
            raise FrameError(
                Code.TOO_LARGE,
                f"The message is {len(text.encode())} bytes long; {MESSAGE_LIMIT} is the limit.",
            )
        case Signal(data=data) if len(bytes(data)) > SIGNAL_LIMIT:
            raise FrameError(
                Code.TOO_LARGE,
                f"The signal is {len(bytes(data))} bytes long; {SIGNAL_LIMIT} is the limit.",
            )
        case Join(since=since, epoch=epoch) if (since is None) != (epoch is None):
            raise FrameError(Code.BAD_FRAME, "`since` and `epoch` go together.")
        case ReadHistory(after=int(), before=int()):
            raise FrameError(Code.BAD_FRAME, "`after` and `before` exclude each other.")


def is_room_name(name: str) -> bool:
    """Whether a room may have that name: short, visible, and written in one way only."""
    return (
        1 <= len(name) <= ROOM_NAME_LIMIT
        and " ".join(name.split()) == name
        and unicodedata.is_normalized("NFC", name)
        and all(c == " " or unicodedata.category(c)[0] in "LMNPS" for c in name)
    )


def describe(body: str) -> Description:
    """Read as much of a frame as there is to read."""
    try:
        return _description.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Description()
