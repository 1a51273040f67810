"""Addresses of the server: its two ports, their URLs, and the banner that lists them."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apigw_local.aws.environment import EmulatedAws
    from apigw_local.lambda_.functions import Functions

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_NOBODY = "192.0.2.1"  # an address of RFC 5737, for examples


@dataclass(frozen=True)
class Addresses:
    """Addresses of one run.

    Attributes:
        http: the app's routes.
        websocket: the WebSocket API.
        status: the status page, for this machine only.
        aws: the emulated AWS.
    """

    http: str
    websocket: str
    status: str
    aws: EmulatedAws


def origin(scheme: str, host: str, port: int) -> str:
    """Return an origin, such as `ws://127.0.0.1:8001`, that this machine can reach."""
    return _origin(scheme, _LOOPBACK.get(host, host), port)


def public_origin(scheme: str, host: str, port: int) -> str:
    """Return an origin that every permitted client can reach.

    Listening on every address is for other machines' sake, so it has this machine's own address;
    without a network, its loopback address.
    """
    every = host in _LOOPBACK
    return _origin(scheme, _own_address() or _LOOPBACK[host] if every else host, port)


def refusal(host: str, port: int, error: Exception, command: str = "chalice local") -> str:
    """Return the message for a port that can't be listened on, with its cure.

    Args:
        host: the host of `--host`.
        port: the port that was refused, either of the two.
        error: the error of `bind`.
        command: the command as typed.
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


def banner(addresses: Addresses, functions: Functions) -> str:
    """Return the text shown at the start: addresses, schedules, functions that nothing triggers."""
    lifetime = "embedded, in memory until you stop" if addresses.aws.embedded else "as given"
    rows = [
        ("HTTP", addresses.http),
        ("WebSocket", addresses.websocket),
        ("Status", addresses.status),
        ("AWS", f"{addresses.aws.endpoint} ({lifetime})"),
    ]
    for name, schedule in functions.schedules().items():
        command = f"curl -X POST {addresses.status}/schedules/{name}"
        rows.append(("Schedule", f"{name}, {schedule.expression}, is run by: {command}"))
    if not_run := functions.not_run():
        rows.append(("Not run", f"{', '.join(not_run)}: nothing triggers them here"))
    return "\n".join(["", *(f"  {name:<9}  {value}" for name, value in rows), ""])


def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _own_address() -> str | None:
    """Return this machine's address for other machines; nothing is sent to find it."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((_NOBODY, 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return address
