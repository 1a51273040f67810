"""Origin policy: the web pages that may open connections."""

from __future__ import annotations

import re
from typing import Final

from chalicelib.core.record import Record

_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?",
    re.ASCII | re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class OriginPolicy(Record, frozen=True):
    """The web origins that are let in, against cross-site WebSocket hijacking.

    A browser sends the page's origin with every handshake and lets no script change it. Clients
    that are no browsers send none, and can't be led to act for somebody: they are let in. A page
    without an origin of its own, such as a file or a sandboxed frame, sends `null`, which is none
    of those allowed.

    Attributes:
        allowed: origins as `normal` writes them; None lets every page in.
        same_host: whether a page from the host of the WebSocket API itself is let in, over TLS.
    """

    allowed: frozenset[str] | None = None
    same_host: bool = False

    def allow(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of this origin may open a connection to this host."""
        if origin is None or self.allowed is None or origin.lower() in self.allowed:
            return True
        return self.same_host and bool(host) and origin.lower() == f"https://{host}".lower()


def normal(origin: str) -> str:
    """Write an origin as browsers do: in lower case, without the port that goes without saying.

    A name that ends in a dot stays another one, as it is to browsers.

    Raises:
        ValueError: it is no origin, or has letters that browsers write as `xn--…`.
    """
    if not _ORIGIN.fullmatch(origin):
        raise ValueError(origin)
    scheme = origin.lower().partition("://")[0]
    return origin.lower().removesuffix(_DEFAULT_PORTS.get(scheme, ""))
