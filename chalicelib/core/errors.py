"""Errors: the exception tree, and the error codes that clients see.

FanfareError
├── SettingsError        the environment lacks a key, or holds a value that can't be
├── UnavailableError     an AWS service did not do its part now; the same call may work later
├── BatchError           part of a batch must come again; what is done has been deleted
├── HandshakeError       a client asks for a connection in a way that can't be
└── FrameError           a client's frame is refused; carries the code for the error frame
    └── UnansweredError  … and it is not told so
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from http import HTTPStatus


class Retry(StrEnum):
    """Advice to a client after an error."""

    NEVER = "never"
    """The same frame will be refused again."""
    LATER = "later"
    """The same frame may be accepted after a pause."""
    RECONNECT = "reconnect"
    """The connection is of no more use: open a new one, then send again."""


class Code(StrEnum):
    """The codes of error frames; `RETRY` says what each asks of the client."""

    BAD_JSON = "bad_json"
    BAD_FRAME = "bad_frame"
    UNKNOWN_ACTION = "unknown_action"
    TOO_LARGE = "too_large"
    BAD_ROOM = "bad_room"
    FORBIDDEN = "forbidden"
    BANNED = "banned"
    MUTED = "muted"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a code, no password
    NOT_JOINED = "not_joined"
    TOO_MANY_ROOMS = "too_many_rooms"
    UNKNOWN_CONNECTION = "unknown_connection"
    SLOW_DOWN = "slow_down"
    UNAVAILABLE = "unavailable"


RETRY: Final[dict[Code, Retry]] = {
    Code.BAD_JSON: Retry.NEVER,
    Code.BAD_FRAME: Retry.NEVER,
    Code.UNKNOWN_ACTION: Retry.NEVER,
    Code.TOO_LARGE: Retry.NEVER,
    Code.BAD_ROOM: Retry.NEVER,
    Code.FORBIDDEN: Retry.NEVER,
    Code.BANNED: Retry.NEVER,
    Code.MUTED: Retry.LATER,
    Code.TOKEN_EXPIRED: Retry.RECONNECT,
    Code.NOT_JOINED: Retry.NEVER,
    Code.TOO_MANY_ROOMS: Retry.NEVER,
    Code.UNKNOWN_CONNECTION: Retry.RECONNECT,
    Code.SLOW_DOWN: Retry.LATER,
    Code.UNAVAILABLE: Retry.LATER,
}


class FanfareError(Exception):
    """The root of every error of this project."""


class SettingsError(FanfareError):
    """The environment lacks a key, or one holds a value that can't be; the message names it."""


class UnavailableError(FanfareError):
    """An AWS service refused, throttled or did not answer a call that is right in itself."""


class BatchError(FanfareError):
    """Part of a batch of queue records must be delivered again; the rest has been deleted.

    Raised so that the event source mapping deletes nothing more, with `ReportBatchItemFailures`
    or without it.
    """


class HandshakeError(FanfareError):
    """A client is not let in.

    Attributes:
        status: what the handshake answers; the client is told nothing more.
        reason: what the log says; it holds nothing that could be a secret.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class FrameError(FanfareError):
    """A client's frame is refused.

    Attributes:
        code: what the error frame says to a program.
        message: what it says to a person: which value was wrong, and what to do.
        retry_after: seconds after which the same frame may be accepted, where that is known.
        closes: whether the connection is closed after the answer.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        retry_after: float | None = None,
        *,
        closes: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.closes = closes


class UnansweredError(FrameError):
    """A client's frame is refused without an answer, as answers cost too."""


def unknown_connection() -> FrameError:
    """Make the error for a connection that has been forgotten, or was never kept.

    It is closed, since there is nothing by which to limit what else it sends.
    """
    return FrameError(
        Code.UNKNOWN_CONNECTION,
        "This connection is not known any more: connect again.",
        closes=True,
    )


def forbidden() -> FrameError:
    """Make the error for what is not this connection's right.

    It is the same for every room, whether there is such a room or not.
    """
    return FrameError(Code.FORBIDDEN, "This is not yours to do here.")


def unavailable() -> FrameError:
    """Make the error for what an AWS service did not let be done now."""
    return FrameError(Code.UNAVAILABLE, "This could not be done now; send it again.")
