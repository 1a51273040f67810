"""The two ports, the page's and the WebSocket API's, and how they are reached."""

from __future__ import annotations

import errno
import socket
from contextlib import closing

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_NOBODY = "192.0.2.1"  # an address of RFC 5737, for examples


def origin(scheme: str, host: str, port: int) -> str:
    """Return a URL's beginning, such as `ws://127.0.0.1:8001`, that this machine can reach."""
    return _origin(scheme, _LOOPBACK.get(host, host), port)


def public_origin(scheme: str, host: str, port: int) -> str:
    """Return a URL's beginning that whoever may connect can reach.

    To listen on every address is to be asked for other machines' sake, so it gives this one's
    own; without a network, its loopback address.
    """
    every = host in _LOOPBACK
    return _origin(scheme, _own_address() or _LOOPBACK[host] if every else host, port)


def refusal(host: str, port: int, error: Exception, command: str = "chalice local") -> str:
    """Tell the developer why a port can't be listened on and what to do.

    Args:
        host: the host of `--host`.
        port: the port that was refused, either of the two.
        error: what `bind` raised.
        command: what was typed.
    """
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is already in use, perhaps by another `{command}`"
            f" (`lsof -i :{port}` names the process).\n"
            f"Stop it, or choose other ports: `{command} --port 8100` serves the page on 8100"
            " and WebSockets on 8101."
        )
    return (
        f"`{command}` can't listen on {host}, port {port}: {error}.\n"
        "--host takes an address of this machine and --port a number up to 65534; the WebSocket"
        " API uses the port above it."
    )


def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _own_address() -> str | None:
    """The address by which other machines know this one; nothing is sent to find it."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((_NOBODY, 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address
