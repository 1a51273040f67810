"""What whoever starts the local server may choose about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigw_local.faults import NO_CHAOS, Chaos
from apigw_local.gateway.quotas import AWS_LIMITS, Limits
from apigw_local.option_text import parse

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
        LocalError: APIGW_LOCAL_LIMITS or APIGW_LOCAL_CHAOS is not understood.
    """
    return Choices(
        limits=parse(Limits, env.get("APIGW_LOCAL_LIMITS", "")),
        chaos=parse(Chaos, env.get("APIGW_LOCAL_CHAOS", "")),
    )
