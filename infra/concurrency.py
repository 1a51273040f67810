"""The broadcast's share of the account's concurrent executions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

UNRESERVED: Final = 100
"""Executions that Lambda keeps for functions without a reservation; of fewer it gives none away.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""

UNBOUNDED: Final = 1000
"""The most that a mapping takes for its concurrency, and has where none is set."""

_LEAST: Final = 2
_QUOTA: Final = "L-B99A9384"


@dataclass(frozen=True)
class Share:
    """Number of broadcasts that may run at once.

    Attributes:
        reserved: executions that are the broadcast's alone; None for none.
        maximum: the mapping's MaximumConcurrency, at least 2
            (https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html).
    """

    reserved: int | None
    maximum: int


@dataclass(frozen=True)
class Room:
    """The account's executions: its limit, and those that no other function has reserved."""

    limit: int
    unreserved: int


def fit(wanted: Share, room: Room) -> Share:
    """Return the largest share up to the wanted one.

    Without a reservation it leaves half of the executions to the other functions: the broadcast
    would take all of a small account's, and nobody could connect.
    """
    spare = room.unreserved - UNRESERVED
    if wanted.reserved and spare >= _LEAST:
        reserved = min(wanted.reserved, spare)
        return Share(reserved, min(wanted.maximum, reserved))
    return Share(None, max(_LEAST, min(wanted.maximum, room.unreserved // 2)))


def advice(wanted: Share, room: Room) -> str:
    """Say what the account lacks for the wanted share, and how to ask for it."""
    needed = wanted.reserved + UNRESERVED if wanted.reserved else 2 * wanted.maximum
    desired = max(1000, needed + room.limit - room.unreserved)
    share = fit(wanted, room)
    reserved = f", {share.reserved} of them reserved" if share.reserved else ", none reserved"
    return (
        f"  Lambda gives this account {room.limit} concurrent executions, so up to"
        f" {share.maximum} broadcasts run at once{reserved}. For the {wanted.maximum} of the"
        " configuration ask for more, and deploy again: aws service-quotas"
        f" request-service-quota-increase --service-code lambda --quota-code {_QUOTA}"
        f" --desired-value {desired}"
    )


def room(client: Any, function: str) -> Room:
    """Return the room for a function, what it has reserved itself included.

    Args:
        client: Lambda.
        function: its name; it need not exist.
    """
    limits = client.get_account_settings()["AccountLimit"]
    own = 0
    try:
        found = client.get_function_concurrency(FunctionName=function)
        own = found.get("ReservedConcurrentExecutions", 0)
    except client.exceptions.ResourceNotFoundException:
        pass
    return Room(limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"] + own)
