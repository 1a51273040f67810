"""Static files of the page and the browser client, from static/ in the project or the zip."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chalicelib.core.record import Record

_FOLDER: Final = Path(__file__).parents[2] / "static"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Security headers of every HTTP response."""


def policy(websocket_url: str | None) -> str:
    """Return the Content Security Policy of the page.

    It loads its own files and runs no other script, not even one that got into its text: there is
    no inline script or style, and nothing ever makes markup of text. It connects to the WebSocket
    API alone. Only where that is not reached over TLS, locally or when it has not been set yet, may
    `?endpoint=` in the page's address lead to any other.
    """
    api = urlsplit(websocket_url or "")
    server = f"wss://{api.netloc}" if api.scheme == "wss" else "ws: wss:"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            f"connect-src 'self' {server}",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class StaticFile(Record, frozen=True):
    """One file of the page: its content type and its text."""

    type: str
    text: str


def find(path: str) -> StaticFile | None:
    """Return the file at a path in static/, or None when there is none of a type that is served."""
    return _files().get(path)


@cache
def _files() -> dict[str, StaticFile]:
    """Read the folder once: paths that anybody may make up are looked up in it, and not kept."""
    return {
        path.relative_to(_FOLDER).as_posix(): StaticFile(
            _TYPES[path.suffix], path.read_text("utf-8")
        )
        for path in _FOLDER.rglob("*")
        if path.suffix in _TYPES
    }
