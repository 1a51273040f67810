"""Which web pages may open connections."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Origins:
    """The web origins that are let in, against cross-site WebSocket hijacking.

    A browser sends the page's origin with every handshake and lets no script change it. Clients
    that are no browsers send none, and can't be led to act for somebody: they are let in.

    Attributes:
        allowed: origins such as `https://chat.example.com`; None lets every page in.
        same_host: whether a page from the host of the WebSocket API itself is let in.
    """

    allowed: frozenset[str] | None = None
    same_host: bool = False

    def allow(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may open a connection to this host."""
        if origin is None or self.allowed is None or origin.lower() in self.allowed:
            return True
        return self.same_host and bool(host) and _host(origin) == host


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
