"""The wire: what clients send and receive, decoded strictly and encoded here only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from chalicelib.errors import Code, FrameError

if TYPE_CHECKING:
    from chalicelib.model import Message

MESSAGE_LIMIT: Final = 16 * 1024
"""Bytes of UTF-8 in one message's text; an envelope and an escaped text still fit into a frame."""

FRAME_LIMIT: Final = 32 * 1024
"""Bytes of one frame from a client; the gateway closes the socket with 1009 above it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""


class Say(msgspec.Struct, frozen=True, tag_field="action", tag="message"):
    """`{"action":"message","message":"hi","type":"chat"}`: say something in the room."""

    message: str
    type: Literal["chat"] = "chat"


Request = Say
"""Whatever a client may send, told apart by `action`."""


class MessageData(msgspec.Struct, frozen=True, rename="camel"):
    """One message as receivers see it; `timestamp` is ISO 8601 in UTC with milliseconds."""

    type: str
    message: str
    username: str
    user_id: str
    timestamp: str
    sender_connection_id: str


class MessageFrame(msgspec.Struct, frozen=True, tag_field="type", tag="message"):
    """`{"type":"message","data":{…}}`: somebody else said something."""

    data: MessageData


class ErrorFrame(msgspec.Struct, frozen=True, tag_field="type", tag="error"):
    """`{"type":"error","code":…,"message":…}`: a frame of this client was refused."""

    code: str
    message: str


class _Action(msgspec.Struct, frozen=True):
    action: str


_ACTIONS: Final = ("message",)
_request = msgspec.json.Decoder(Request)
_action = msgspec.json.Decoder(_Action)
_encode = msgspec.json.Encoder().encode


def decode(body: str) -> Request:
    """Read a client's frame.

    Raises:
        FrameError: `too_large`, `bad_json`, `unknown_action` or `bad_frame`.
    """
    size = len(body.encode())
    if size > FRAME_LIMIT:
        raise FrameError(
            Code.TOO_LARGE, f"The frame is {size} bytes long; {FRAME_LIMIT} is the limit."
        )
    try:
        _check_action(_action.decode(body).action)
        request = _request.decode(body)
    except msgspec.ValidationError as error:
        raise FrameError(Code.BAD_FRAME, f"The frame's fields are not right: {error}.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise FrameError(Code.BAD_JSON, f"The frame is not JSON: {error}.") from None
    length = len(request.message.encode())
    if length > MESSAGE_LIMIT:
        raise FrameError(
            Code.TOO_LARGE, f"The message is {length} bytes long; {MESSAGE_LIMIT} is the limit."
        )
    return request


def _check_action(action: str) -> None:
    if action not in _ACTIONS:
        known = ", ".join(_ACTIONS)
        raise FrameError(
            Code.UNKNOWN_ACTION, f"There is no action {action[:40]!r}; there are: {known}."
        )


def message_frame(message: Message) -> bytes:
    """Encode a message for a receiver that speaks the plain form."""
    return _encode(
        MessageFrame(
            MessageData(
                type=message.type,
                message=message.text,
                username=message.username,
                user_id=message.user_id,
                timestamp=timestamp(message.sent_at),
                sender_connection_id=message.sender,
            )
        )
    )


def error_frame(error: FrameError) -> bytes:
    """Encode the refusal of a frame for its sender."""
    return _encode(ErrorFrame(code=error.code, message=error.message))


def timestamp(milliseconds: int) -> str:
    """Format milliseconds since 1970 as ISO 8601 in UTC, such as `2026-11-24T09:30:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
