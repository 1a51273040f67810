"""What the terminal shows once everything runs: where it is, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from apigw_local.aws.environment import Aws
    from apigw_local.lambda_.functions import Functions


@dataclass(frozen=True)
class Addresses:
    """Where things are.

    Attributes:
        http: the app's routes.
        websocket: what clients connect to.
        status: the page about the WebSocket API, for this machine only.
        aws: the emulated AWS.
    """

    http: str
    websocket: str
    status: str
    aws: Aws


def banner(addresses: Addresses, functions: Functions, not_run: Sequence[str]) -> str:
    """Lay it out.

    Args:
        addresses: where things are.
        functions: the app's, for its schedules.
        not_run: the functions that nothing here runs.
    """
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
    if not_run:
        rows.append(("Not run", f"{', '.join(not_run)}: nothing triggers them here"))
    return "\n".join(["", *(f"  {name:<9}  {value}" for name, value in rows), ""])
