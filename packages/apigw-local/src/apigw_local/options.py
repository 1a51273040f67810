"""What whoever starts the local server may choose about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from localdev.chaos import NO_CHAOS, Chaos
from localdev.gateway.limits import AWS_LIMITS, Limits
from localdev.options import parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Choices:
    """One run's choices.

    Attributes:
        command: what was typed, for messages that tell what to type.
        websocket_port: the WebSocket API's; None is the one above the HTTP port.
        resources: CloudFormation templates; none are the project's own.
        limits: the gateway's quotas.
        chaos: the faults to inject.
        verbose: whether the terminal shows whole events.
    """

    command: str = "chalice local"
    websocket_port: int | None = None
    resources: tuple[Path, ...] = ()
    limits: Limits = AWS_LIMITS
    chaos: Chaos = NO_CHAOS
    verbose: bool = False


def from_environment(env: Mapping[str, str]) -> Choices:
    """Return what can be chosen without flags, which `chalice local` has none of.

    Raises:
        LocalError: LOCALDEV_LIMITS or LOCALDEV_CHAOS is not understood.
    """
    return Choices(
        limits=parse(Limits, env.get("LOCALDEV_LIMITS", "")),
        chaos=parse(Chaos, env.get("LOCALDEV_CHAOS", "")),
    )
