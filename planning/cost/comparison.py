"""Ways to carry a workload side by side, and where one becomes cheaper than another."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from planning.cost.alternatives import appsync, instances, iot
from planning.cost.fanfare import fanfare, plain
from planning.cost.prices import bill, total
from planning.cost.sharing import BUSIEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from planning.cost.prices import Line, PriceList, Use
    from planning.cost.workload import Workload

    Way = Callable[[Workload, PriceList], list[Use]]

WAYS: Final[Mapping[str, Way]] = {
    "Fanfare": fanfare,
    "plain": plain,
    "AppSync": appsync,
    "IoT": iot,
    "instances": instances,
}

STEPS: Final = 100
"""Points at which two ways are compared before the crossing is narrowed down."""


@dataclass(frozen=True)
class Tariff:
    """Price lists of all ways."""

    prices: PriceList
    free: bool = False

    def bill(self, way: str, load: Workload) -> tuple[Line, ...]:
        """Return what a workload costs in a month, line by line."""
        return bill(WAYS[way](load, self.prices), self.prices, free=self.free)

    def total(self, way: str, load: Workload) -> float:
        """Return what a workload costs in a month, in all."""
        return total(self.bill(way, load))


@dataclass(frozen=True)
class Crossing:
    """Points at which a workload that grows becomes cheaper another way.

    Attributes:
        load: at which Fanfare and the rival cost the same.
        fanfare_above: whether Fanfare is the cheaper one of larger loads.
    """

    load: Workload
    fanfare_above: bool


def busier(load: Workload) -> Callable[[float], Workload]:
    """Return the workload at another number of messages a second in each room."""
    return lambda rate: replace(load, rate=rate)


def larger(load: Workload) -> Callable[[float], Workload]:
    """Return the workload with another number of connections."""
    return lambda connections: replace(load, connections=connections)


def crossings(
    tariff: Tariff,
    rival: str,
    grow: Callable[[float], Workload],
    low: float = 1e-5,
    high: float = BUSIEST,
) -> Iterator[Crossing]:
    """Yield where Fanfare and a rival change places while a workload grows from low to high.

    A step up of instances may be such a place.
    """

    def dearer(size: float) -> bool:
        load = grow(size)
        return tariff.total("Fanfare", load) > tariff.total(rival, load)

    sizes = [low * math.pow(high / low, step / STEPS) for step in range(STEPS + 1)]
    verdicts = [dearer(size) for size in sizes]
    for step in range(STEPS):
        if verdicts[step] != verdicts[step + 1]:
            place = _narrow(dearer, sizes[step], sizes[step + 1])
            yield Crossing(grow(place), fanfare_above=verdicts[step])


def _narrow(dearer: Callable[[float], bool], low: float, high: float) -> float:
    """Return the place between low and high where a verdict changes, to twelve digits."""
    before = dearer(low)
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        if dearer(middle) == before:
            low = middle
        else:
            high = middle
    return high
