"""The pictures of docs/cost.md."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from planning import pictures
from planning.cost.comparison import WAYS
from planning.cost.presets import PRESETS
from planning.cost.workload import DAYS, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from planning.cost.comparison import Tariff

LOOKS: Final[dict[str, dict[str, Any]]] = {
    "Fanfare": {"color": pictures.BLUE, "lw": 2.4},
    "plain": {"color": pictures.BLUE, "ls": ":"},
    "AppSync": {"color": pictures.ORANGE},
    "IoT": {"color": pictures.ORANGE, "ls": ":"},
    "instances": {"color": "black", "ls": "--"},
}
POINTS: Final = 60


def draw(tariff: Tariff, folder: Path) -> list[Path]:
    """Draw what loads of all sizes cost into a folder, and return the files."""
    return pictures.draw(
        {"deliveries": partial(_deliveries, tariff), "times": partial(_times, tariff)}, folder
    )


def _deliveries(tariff: Tariff, both: Sequence[Axes]) -> None:
    """All month, by how much people say."""
    _talking(both[0], tariff, Workload(rooms=100, members=10), "100 rooms of 10, all month")
    _talking(both[1], tariff, Workload(rooms=1, members=1_000), "A room of 1,000, all month")
    both[0].legend()


def _talking(axes: Axes, tariff: Tariff, load: Workload, title: str) -> None:
    people = load.rooms * load.members
    _lines(axes, tariff, _spread(1, 20_000), lambda rate: replace(load, rate=rate / people))
    axes.set(xscale="log", yscale="log", ylim=(10, 100_000))
    axes.set(xlabel="deliveries/s", ylabel="dollars a month", title=title)


def _times(tariff: Tariff, both: Sequence[Axes]) -> None:
    """By hours of the day, and by idle connections."""
    office = replace(PRESETS["office"], days=DAYS)
    hours = [24 * step / POINTS for step in range(POINTS + 1)]
    _lines(both[0], tariff, hours, lambda value: replace(office, hours=value))
    both[0].set(ylim=(0, 400), xlim=(0, 24))
    both[0].set(xlabel="hours a day", ylabel="dollars a month")
    both[0].set(title="100 rooms of 10, a message every 10 s")
    _lines(
        both[1],
        tariff,
        _spread(10, 100_000),
        lambda value: Workload(rooms=0, connections=value),
    )
    both[1].set(xscale="log", yscale="log", ylim=(0.1, 10_000))
    both[1].set(xlabel="connections", title="Nobody talks, all month")
    both[1].legend()


def _lines(
    axes: Axes, tariff: Tariff, places: Sequence[float], load: Callable[[float], Workload]
) -> None:
    for way in WAYS:
        dollars = [tariff.total(way, load(place)) for place in places]
        axes.plot(places, dollars, label=way, **LOOKS[way])


def _spread(low: float, high: float) -> list[float]:
    return [low * math.pow(high / low, step / POINTS) for step in range(POINTS + 1)]
