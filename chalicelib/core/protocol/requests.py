"""Requests of clients, decoded strictly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args

import msgspec

from chalicelib.core.errors import Code, FrameError
from chalicelib.core.protocol.bounds import (
    BOUNDS,
    FRAME_LIMIT,
    PAGE_LIMIT,
    PING_LIMIT,
    SIGNAL_LIMIT,
    Bounds,
)
from chalicelib.core.text import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

SANCTION_LIMIT: Final = 365 * 24 * 60 * 60
"""Seconds that a ban or a mute may last."""

_USER_ID: Final = r"\A[A-Za-z0-9-]{1,64}\Z"

UserRef = Annotated[str, msgspec.Meta(pattern=_USER_ID)]
"""A `userId`, as others' frames show it."""

Seconds = Annotated[int, msgspec.Meta(ge=0, le=SANCTION_LIMIT)]


class Join(msgspec.Struct, frozen=True, tag_field="action", tag="join"):
    """Become a member of a room; `since` and `epoch` ask for what was missed."""

    room: str
    since: Annotated[int, msgspec.Meta(ge=0)] | None = None
    epoch: str | None = None


class Leave(msgspec.Struct, frozen=True, tag_field="action", tag="leave"):
    """Leave a room."""

    room: str


MessageId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]


class Say(msgspec.Struct, frozen=True, tag_field="action", tag="message"):
    """Say something in a room."""

    message: str
    room: str = "lobby"
    type: Literal["chat"] = "chat"
    id: MessageId | None = None
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
    next: Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{4}\Z")] | None = None


class Ping(msgspec.Struct, frozen=True, tag_field="action", tag="ping"):
    """Keep the connection alive, and ask how far some rooms have come."""

    rooms: Annotated[list[str], msgspec.Meta(max_length=PING_LIMIT)] = []


class Renew(msgspec.Struct, frozen=True, tag_field="action", tag="renew"):
    """Go on under a new token."""

    token: str

    def __repr__(self) -> str:
        """Show no token, wherever this may be printed."""
        return "Renew()"


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


ModerationRequest = Kick | Ban | Mute | Delete

RoomRequest = Say | Join | Leave | ReadHistory | Signal | Who | Ping | ModerationRequest

Request = RoomRequest | Renew
"""Any request of a client, told apart by `action`."""


class Publication(msgspec.Struct, frozen=True):
    """Message over HTTP, to a room or to a user."""

    message: str
    id: MessageId | None = None


class Description(msgspec.Struct, frozen=True):
    """Readable fields of a refused frame, for the error to name it."""

    action: str | None = None
    room: str | None = None
    id: str | None = None


class _Outline(msgspec.Struct, frozen=True):
    """The same before anything is built of it: each may be anything, of any size."""

    action: msgspec.Raw = msgspec.Raw()
    room: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()


_ACTIONS: Final = tuple(kind.__struct_config__.tag for kind in get_args(Request))

# It takes a string that does not end for one, and never goes back: a hostile frame costs no more.
_STRING: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET: Final = re.compile(r"[\[\]{}]")

_request = msgspec.json.Decoder(Request)
_publication = msgspec.json.Decoder(Publication)
_outline = msgspec.json.Decoder(_Outline)


def decode(body: str, bounds: Bounds = BOUNDS) -> Request:
    """Read a client's frame.

    Raises:
        FrameError: `too_large`, `bad_json`, `unknown_action`, `bad_frame` or `bad_room`.
    """
    request: Request = _read(_request, body, bounds)
    _check(request, bounds)
    return request


def decode_publication(body: str, bounds: Bounds = BOUNDS) -> Publication:
    """Read the body of a publication.

    Raises:
        FrameError: `too_large`, `bad_json` or `bad_frame`.
    """
    publication: Publication = _read(_publication, body, bounds)
    _check_text(publication.message, bounds)
    return publication


def _read(decoder: msgspec.json.Decoder[Any], body: str, bounds: Bounds) -> Any:
    size = len(body.encode(errors="surrogatepass"))
    if size > FRAME_LIMIT:
        raise FrameError(
            Code.TOO_LARGE, f"The frame is {size} bytes long; {FRAME_LIMIT} is the limit."
        )
    _check_shape(body, bounds)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _refusal(body, error) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise FrameError(Code.BAD_JSON, f"The frame is not JSON: {error}.") from None


def _refusal(body: str, error: msgspec.ValidationError) -> FrameError:
    named = describe(body).action
    if named is not None and named not in _ACTIONS:
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


def _check_shape(body: str, bounds: Bounds) -> None:
    """Refuse what is nested too deep or has too many keys, before anything is built of it.

    Most frames are let through by counting; only of one that could be such are the strings taken
    out, in which all these characters may stand.
    """
    opened = body.count("[") + body.count("{")
    if opened <= bounds.depth and body.count(":") <= bounds.keys:
        return
    bare = _STRING.sub("", body)
    keys = bare.count(":")
    if keys > bounds.keys:
        raise FrameError(Code.BAD_FRAME, f"The frame has {keys} keys; {bounds.keys} is the limit.")
    depth = 0
    for bracket in _BRACKET.findall(bare):
        depth += 1 if bracket in "[{" else -1
        if depth > bounds.depth:
            raise FrameError(
                Code.BAD_FRAME, f"The frame is nested deeper than {bounds.depth}, the limit."
            )


def _check(request: Request, bounds: Bounds) -> None:
    if isinstance(request, Ping | Renew):
        return
    check_room(request.room, bounds)
    match request:
        case Say(message=text):
            _check_text(text, bounds)
        case Signal(data=data) if len(bytes(data)) > SIGNAL_LIMIT:
            raise FrameError(
                Code.TOO_LARGE,
                f"The signal is {len(bytes(data))} bytes long; {SIGNAL_LIMIT} is the limit.",
            )
        case Join(since=since, epoch=epoch) if (since is None) != (epoch is None):
            raise FrameError(Code.BAD_FRAME, "`since` and `epoch` go together.")
        case ReadHistory(after=int(), before=int()):
            raise FrameError(Code.BAD_FRAME, "`after` and `before` exclude each other.")


def check_room(name: str, bounds: Bounds = BOUNDS) -> None:
    """Refuse a name that no room may have.

    Raises:
        FrameError: `bad_room`.
    """
    if not is_room_name(name, bounds.room_name):
        raise FrameError(
            Code.BAD_ROOM,
            f"A room's name has 1 to {bounds.room_name} visible characters; spaces stand between.",
        )


def check_user_id(name: str) -> None:
    """Refuse what can be no user's id.

    Raises:
        FrameError: `bad_frame`.
    """
    if not re.match(_USER_ID, name):
        raise FrameError(
            Code.BAD_FRAME, "A user id has 1 to 64 characters of A-Z a-z 0-9 -, as frames show it."
        )


def _check_text(text: str, bounds: Bounds) -> None:
    size = len(text.encode())
    if size > bounds.message:
        raise FrameError(
            Code.TOO_LARGE, f"The message is {size} bytes long; {bounds.message} is the limit."
        )


def is_room_name(name: str, limit: int = BOUNDS.room_name) -> bool:
    """Whether a room may have that name: short, visible, and written in one way only.

    A character that leaves no ink, or turns the direction of text around, could make one name look
    like another.
    """
    return 1 <= len(name) <= limit and visible(name) == name


def describe(body: str) -> Description:
    """Read as much of a frame as there is to read."""
    try:
        outline = _outline.decode(body)
        return Description(*map(_text, (outline.action, outline.room, outline.id)))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Description()


def _text(value: msgspec.Raw) -> str | None:
    return msgspec.json.decode(value, type=str) if bytes(value).startswith(b'"') else None
