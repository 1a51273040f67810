"""HTTP form of publishing: the bearer token, and responses to errors."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from chalicelib.core.errors import Code

if TYPE_CHECKING:
    from chalicelib.core.errors import FrameError

_STATUS: Final = {
    Code.FORBIDDEN: HTTPStatus.FORBIDDEN,
    Code.BANNED: HTTPStatus.FORBIDDEN,
    Code.TOO_LARGE: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    Code.MUTED: HTTPStatus.TOO_MANY_REQUESTS,
    Code.SLOW_DOWN: HTTPStatus.TOO_MANY_REQUESTS,
    Code.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def bearer(authorization: str | None) -> str | None:
    """Return the token in an `Authorization` header (RFC 6750), or None where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def status(error: FrameError) -> HTTPStatus:
    """Return the status that a refusal is answered with."""
    return _STATUS.get(error.code, HTTPStatus.BAD_REQUEST)


def headers(error: FrameError) -> dict[str, str | list[str]]:
    """Return the headers of the answer."""
    if error.retry_after is None:
        return {}
    return {"Retry-After": str(ceil(error.retry_after))}


def body(error: FrameError) -> dict[str, Any]:
    """Return the answer itself."""
    return {"code": error.code, "message": error.message}
