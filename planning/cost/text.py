"""A bill in words and tables, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import report
from planning import quotas
from planning.cost.comparison import WAYS, busier, crossings, larger
from planning.cost.presets import PRESETS
from planning.cost.prices import total
from planning.cost.sharing import BUSIEST, MEASURED, posts_per_delivered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planning.cost.comparison import Tariff
    from planning.cost.prices import Line
    from planning.cost.workload import Workload

MOST_CONNECTIONS: Final = 1_000_000.0


def overview(tariff: Tariff) -> str:
    """Return what every preset costs in a month, each way."""
    rows = [
        {"preset": name} | {way: f"{tariff.total(way, load):,.0f}" for way in WAYS}
        for name, load in PRESETS.items()
    ]
    return report.table(rows, words={"preset"})


def sections(load: Workload, tariff: Tariff, way: str) -> Iterator[str]:
    """Yield what people get to read, part by part."""
    lines = [f"{name:12}{value}" for name, value in _described(load, tariff)]
    yield "\n".join(lines)
    bill = report.table(_rows(tariff.bill(way, load)), words={"service", "for", "unit"})
    yield f"{way}, a month\n\n{bill}"
    sums = [_sum(tariff, name, load) for name in WAYS]
    yield f"Side by side\n\n{report.table(sums, words={'way'})}"
    places = report.table(list(_break_even(load, tariff)), words={"way", "beside Fanfare"})
    grown = (
        f"rates up to {BUSIEST:g} messages/s in each room"
        if load.rooms
        else f"up to {MOST_CONNECTIONS:,.0f} connections"
    )
    yield f"Break-even, for {grown}\n\n{places}"


def _described(load: Workload, tariff: Tariff) -> Iterator[tuple[str, str]]:
    yield "connections", f"{load.open:,.0f}, for {load.hours:g} h a day on {load.days:.3g} days"
    if load.rooms:
        share = posts_per_delivered(load.members, load.rate)
        yield "rooms", f"{load.rooms:,.0f} of {load.members:,} members"
        yield (
            "messages",
            f"{load.rate:g}/s of {load.size:,} bytes in each room: {_short(load.messages)} a month",
        )
        yield (
            "deliveries",
            f"{_short(load.deliveries)} a month, {_figures(_average(load))}/s on average",
        )
        yield "posts", f"{share:.2f} per delivered message, as measured on one machine"
        if load.members > max(MEASURED) or load.rate > BUSIEST:
            yield (
                "",
                f"of rooms up to {max(MEASURED):,} members and {BUSIEST:g} messages/s;"
                " this one is taken to be like the nearest",
            )
    read = sorted(price.read for price in tariff.prices.prices.values())
    free = "less free tiers" if tariff.free else "free tiers not taken off"
    yield (
        "prices",
        f"{tariff.prices.region}, {tariff.prices.currency}, read from {read[0]} to {read[-1]},"
        f" {free}",
    )


def _rows(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Return a bill's lines with those of a service together, and their sum."""
    services = list(dict.fromkeys(line.service for line in lines))
    ordered = sorted(lines, key=lambda line: services.index(line.service))
    rows = [
        {
            "service": line.service,
            "for": line.purpose,
            "amount": _short(line.amount),
            "unit": line.unit,
            "dollars": f"{line.dollars:,.2f}",
        }
        for line in ordered
        if line.amount
    ]
    together = {"service": "together", "for": "", "amount": "", "unit": ""}
    return [*rows, together | {"dollars": f"{total(lines):,.2f}"}]


def _sum(tariff: Tariff, way: str, load: Workload) -> dict[str, str]:
    lines = tariff.bill(way, load)
    transfer = total(line for line in lines if line.service == "Data transfer")
    return {
        "way": way,
        "dollars": f"{total(lines):,.2f}",
        "of which data transfer": f"{transfer:,.2f}",
    }


def _break_even(load: Workload, tariff: Tariff) -> Iterator[dict[str, str]]:
    """Yield a row for each place where a rival and Fanfare cost the same, all else being equal."""
    for rival in list(WAYS)[1:]:
        places = (
            list(crossings(tariff, rival, busier(load)))
            if load.rooms
            else list(crossings(tariff, rival, larger(load), 1, MOST_CONNECTIONS))
        )
        for crossing in places:
            yield {
                "way": rival,
                "beside Fanfare": "dearer above" if crossing.fanfare_above else "cheaper above",
                **_size(crossing.load),
                "dollars": f"{tariff.total('Fanfare', crossing.load):,.0f}",
            }
        if not places:
            dearer = tariff.total(rival, load) > tariff.total("Fanfare", load)
            nothing = dict.fromkeys([*_size(load), "dollars"], "")
            how = "dearer throughout" if dearer else "cheaper throughout"
            yield {"way": rival, "beside Fanfare": how, **nothing}


def _size(load: Workload) -> dict[str, str]:
    """Return how large a load is, in terms of what break-even points are about."""
    if not load.rooms:
        return {"connections": f"{load.connections:,.0f}"}
    return {
        "messages/s in each room": _figures(load.rate),
        "deliveries/s on average": _figures(_average(load)),
    }


def _average(load: Workload) -> float:
    """Return the deliveries per second, averaged over all hours of the month."""
    return load.deliveries / quotas.MONTH


def _figures(value: float) -> str:
    """Return a value in three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _short(amount: float) -> str:
    """Return an amount in four digits, with thousands, millions or billions named."""
    for size, name in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if amount >= size:
            return f"{amount / size:,.4g}{name}"
    return f"{amount:,.4g}"
