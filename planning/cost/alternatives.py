"""Usage of a workload elsewhere: delivery of messages alone, nothing numbered, kept or resumed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from planning import quotas
from planning.cost.fanfare import ENVELOPE, delivered_bytes
from planning.cost.prices import Use
from planning.cost.usage import transfer

if TYPE_CHECKING:
    from planning.cost.prices import PriceList
    from planning.cost.workload import Workload


def appsync(load: Workload, prices: PriceList) -> list[Use]:
    """Return what AppSync Events meters: publishing, each delivery, connecting and subscribing.

    Its keep-alive is the server's, and free; a connection lasts a day.
    """
    return _managed(load, prices, operations="appsync.operations", minutes="appsync.minutes")


def iot(load: Workload, prices: PriceList) -> list[Use]:
    """Return what IoT Core meters: MQTT over WebSockets with QoS 0, which needs no PUBACK.

    Pings at least 30 seconds apart are free
    (https://aws.amazon.com/iot-core/pricing/additional-details/).
    """
    return _managed(load, prices, operations="iot.messages", minutes="iot.minutes")


def instances(load: Workload, prices: PriceList) -> list[Use]:  # noqa: ARG001 - as the others
    """Return what small instances behind a load balancer use, which run all month.

    Two at least, and one more than the load needs, so that one may fail.
    """
    rate = load.rooms * load.rate * load.members
    needed = max(load.open / quotas.INSTANCE_CONNECTIONS, rate / quotas.INSTANCE_DELIVERIES)
    month = quotas.MONTH / 3_600
    return [
        Use("ec2.hours", f"{count(needed)} instances", count(needed) * month),
        Use("alb.hours", "load balancer", month),
        Use("alb.units", "capacity", _capacity(load) * load.hours * load.days),
        Use("ipv4.hours", "an address in each of two zones", 2 * month),
        transfer(delivered_bytes(load)),
    ]


def count(needed: float) -> int:
    """Return how many instances run where so many are needed."""
    return max(2, math.ceil(needed) + 1)


def _capacity(load: Workload) -> float:
    """Return the capacity units that a load balancer uses while people are there."""
    if not load.seconds:
        return 0.0
    size = load.size + ENVELOPE
    return max(
        load.open / quotas.BALANCED_CONNECTIONS,
        load.connects / load.seconds / quotas.BALANCED_CONNECTS,
        load.rooms * load.rate * (1 + load.members) * size * 3_600 / quotas.BALANCED_BYTES,
    )


def _managed(load: Workload, prices: PriceList, *, operations: str, minutes: str) -> list[Use]:
    units = prices[operations].units(load.size + ENVELOPE)
    return [
        Use(minutes, "connections", load.open * load.seconds / 60),
        Use(operations, "messages in", load.messages * units),
        Use(operations, "deliveries", load.deliveries * units),
        Use(
            operations,
            "connecting and subscribing",
            (load.open + load.rooms * load.members) * load.days,
        ),
        transfer(delivered_bytes(load)),
    ]
