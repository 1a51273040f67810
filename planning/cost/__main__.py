"""The bill of a load for a month: `python -m planning.cost [--preset NAME] [--rooms N] …`.

It takes the prices of planning/cost/prices.json, and the posts per message that were measured on
one machine (docs/scale.md). docs/cost.md is about what it prints.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planning.cost import pricelist, text
from planning.cost.comparison import WAYS, Tariff
from planning.cost.presets import PRESETS
from planning.cost.prices import total
from planning.cost.sharing import posts_per_delivered
from planning.cost.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planning.cost.prices import PriceList


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m planning.cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--preset", choices=PRESETS, default="room", help="a load to start from")
    parser.add_argument("--rooms", type=float)
    parser.add_argument("--members", type=int, help="of each room")
    parser.add_argument("--rate", type=float, help="messages/s to each room")
    parser.add_argument("--size", type=int, metavar="BYTES", help="of a message's text")
    parser.add_argument("--connections", type=float, help="0 for one per member")
    parser.add_argument("--hours", type=float, help="of a day in which people are there")
    parser.add_argument("--days", type=float, help="of a month")
    parser.add_argument("--prices", type=Path, metavar="FILE", help="in place of some of ours")
    parser.add_argument("--free-tier", action="store_true", help="take off what AWS gives for free")
    parser.add_argument("--bill", choices=WAYS, default="Fanfare", help="whose lines to print")
    parser.add_argument("--overview", action="store_true", help="every preset instead, each way")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw docs/cost.md's pictures")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    command = parser()
    options = command.parse_args(arguments)
    try:
        load, tariff = workload(options), Tariff(prices(options), options.free_tier)
    except ValueError as error:
        command.error(str(error))
    if options.plots:
        from planning.cost import plots

        plots.draw(tariff, options.plots)
    if options.overview:
        print(text.overview(tariff))
    elif options.json:
        print(json.dumps(as_json(load, tariff), indent=2))
    else:
        print("\n\n".join(text.sections(load, tariff, options.bill)))


def workload(options: argparse.Namespace) -> Workload:
    """Return the preset with what the options change.

    Raises:
        ValueError: a number is out of its range.
    """
    names = [field.name for field in fields(Workload)]
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return replace(PRESETS[options.preset], **given)


def prices(options: argparse.Namespace) -> PriceList:
    """Return the prices that the options choose.

    Raises:
        ValueError: the file holds no prices.
    """
    ours = pricelist.standard()
    return ours.replaced(pricelist.read(options.prices)) if options.prices else ours


def as_json(load: Workload, tariff: Tariff) -> dict[str, Any]:
    """Return all bills for programs."""
    bills = {way: tariff.bill(way, load) for way in WAYS}
    return {
        "workload": asdict(load),
        "region": tariff.prices.region,
        "posts_per_delivered": posts_per_delivered(load.members, load.rate),
        "deliveries": load.deliveries,
        "bills": {
            way: {"total": total(lines), "lines": [line._asdict() for line in lines]}
            for way, lines in bills.items()
        },
    }
