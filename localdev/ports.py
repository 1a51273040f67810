"""The two ports of `chalice local`: the page's, and the WebSocket API's right above it."""

from __future__ import annotations

import errno

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def websocket_port(http_port: int) -> int:
    """Return the WebSocket API's port for the page's port."""
    return http_port + 1


def origin(scheme: str, host: str, port: int) -> str:
    """Return a URL's beginning, such as `ws://127.0.0.1:8001`, that this machine can reach."""
    reachable = _WILDCARDS.get(host, host)
    return (
        f"{scheme}://[{reachable}]:{port}" if ":" in reachable else f"{scheme}://{reachable}:{port}"
    )


def refusal(host: str, port: int, error: Exception) -> str:
    """Tell the developer why a port can't be listened on and what to do.

    Args:
        host: the host of `chalice local --host`.
        port: the port that was refused, either of the two.
        error: what `bind` raised.
    """
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is already in use, perhaps by another `chalice local`"
            f" (`lsof -i :{port}` names the process).\n"
            "Stop it, or choose other ports: `chalice local --port 8100` serves the page on 8100"
            " and WebSockets on 8101."
        )
    return (
        f"`chalice local` can't listen on {host}, port {port}: {error}.\n"
        "--host takes an address of this machine and --port a number up to 65534; the WebSocket"
        " API uses the port above it."
    )
