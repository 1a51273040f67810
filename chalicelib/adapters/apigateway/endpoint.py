"""Endpoint of `@connections`: the parts of its URL, and the addresses behind its name."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS_LIFE: Final = 60
"""Seconds that an answer of the DNS is used: containers live for hours, addresses may not."""

Address = tuple[int, Any]
"""An address family, and what `socket.connect` takes for it."""


class Endpoint(Record, frozen=True):
    """The parts of an endpoint's URL.

    Attributes:
        secure: whether it is spoken to over TLS.
        name: the host's name or IP address, in lower case and without brackets.
        port: the TCP port.
        host: what the Host header says, which has no port where that is the scheme's own.
        path: what stands before `/@connections`, without a slash at its end.
    """

    secure: bool
    name: str
    port: int
    host: str
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Take a URL apart.

        Raises:
            ValueError: it is not an absolute http or https URL.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"The endpoint is {url!r}: it takes a URL such as"
                " https://abc123.execute-api.eu-central-1.amazonaws.com/prod"
            )
        usual = 443 if parts.scheme == "https" else 80
        port = parts.port or usual
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(
            secure=parts.scheme == "https",
            name=parts.hostname,
            port=port,
            host=host if port == usual else f"{host}:{port}",
            path=parts.path.rstrip("/"),
        )


def resolve(endpoint: Endpoint) -> list[Address]:
    """Ask the DNS for the addresses of an endpoint.

    Raises:
        OSError: there are none.
    """
    found = socket.getaddrinfo(endpoint.name, endpoint.port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


class Addresses:
    """Deals out an endpoint's addresses in turn, so that sockets spread over them."""

    def __init__(
        self, endpoint: Endpoint, resolve: Callable[[Endpoint], list[Address]] = resolve
    ) -> None:
        self._endpoint = endpoint
        self._resolve = resolve
        self._good: list[Address] = []
        self._resolved_at = 0.0

    def next(self, now: float) -> Address:
        """Return the address for the next socket.

        Raises:
            OSError: the name has no address.
        """
        if not self._good or now - self._resolved_at > ADDRESS_LIFE:
            self._good = self._resolve(self._endpoint)
            self._resolved_at = now
            # Containers that start together would all begin at the same address.
            random.shuffle(self._good)
        address = self._good.pop(0)
        self._good.append(address)
        return address

    def failed(self, address: Address) -> bool:
        """Put an address aside until the DNS is asked again; return whether it was the last."""
        if address not in self._good:
            return False
        self._good.remove(address)
        return not self._good
