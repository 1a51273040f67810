"""The page's files, from static/ in the project and in the Lambda zip alike."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent.parent / "static"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
}

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        "default-src 'self'; connect-src 'self' ws: wss:; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True)
class Asset:
    """One file of the page: its content type and its text."""

    type: str
    text: str


@cache
def find(name: str) -> Asset | None:
    """Return the file of that name, or None when there is none of a type that is served."""
    path = _FOLDER / name
    if path.parent != _FOLDER or path.suffix not in _TYPES or not path.is_file():
        return None
    return Asset(type=_TYPES[path.suffix], text=path.read_text(encoding="utf-8"))
