"""The simulation of a load on AWS: `python -m planning.simulation [--json] [--plots FOLDER]`.

Without a load it runs the standard ones, which docs/scale.md is about. `--members`, `--rooms` and
`--rate` describe another, in a world that the other options describe. Nothing is measured.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import platform
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from planning import quotas
from planning.simulation import plots, scenarios
from planning.simulation.path import World
from planning.simulation.run import Load, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planning.simulation.scenarios import Row

COLUMNS: Final = {
    "part": "part",
    "members": "members",
    "rooms": "rooms",
    "rate": "rate",
    "quota": "quota",
    "linger": "linger",
    "world": "world",
    "first_s": "first s",
    "last_s": "last s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "posts_per_delivered": "posts/delivered",
    "lambda_peak": "Lambdas",
    "late": "late",
    "binds": "binds",
    "ask": "ask for",
    "dollars_a_month": "$/month",
    "joins": "joins/s",
    "containers": "containers",
    "writes": "writes/s",
    "written_key": "of key",
    "reads": "reads/s",
    "read_key": "of key",
    "writes_per_client": "writes/client",
    "reread": "reread",
    "reads_per_message": "reads/message",
}


def rows(options: argparse.Namespace) -> list[Row]:
    """Return what came of the load that the options describe, or of the standard ones."""
    if options.members is None:
        return [
            *scenarios.publish(),
            *scenarios.busy(),
            *scenarios.many(),
            *scenarios.storms(),
            *scenarios.churns(),
        ]
    load = Load(options.members, options.rooms, options.rate, options.seconds)
    world = World(
        quota=options.quota,
        warm=not options.cold,
        together=options.together,
        pollers=options.pollers,
        queue_seconds=None if options.queue_ms is None else options.queue_ms / 1_000,
        linger=not options.no_linger,
        seed=options.seed,
    )
    return [scenarios.row("own", load, world, run(load, world))]


def tables(rows: Sequence[Row]) -> str:
    """Return the rows as a table of each part for people."""
    parts = itertools.groupby(rows, key=itemgetter("part"))
    return "\n\n".join(_table(list(part)) for _, part in parts)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    world = World()
    parser = argparse.ArgumentParser(prog="python -m planning.simulation", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the standard loads")
    parser.add_argument("--members", type=int, help="of each room")
    parser.add_argument("--rooms", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0, help="messages/s in each room; 0 for one")
    parser.add_argument("--seconds", type=float, default=20, help="that people talk for")
    parser.add_argument("--quota", type=float, default=quotas.GATEWAY_RATE, help="requests/s")
    parser.add_argument("--cold", action="store_true", help="no container has started yet")
    parser.add_argument("--together", type=int, default=world.together, help="groups in a batch")
    parser.add_argument("--pollers", type=int, default=world.pollers, help="at first")
    parser.add_argument("--queue-ms", type=float, help="fixed, instead of what AWS is known for")
    parser.add_argument("--no-linger", action="store_true")
    parser.add_argument("--seed", type=int, default=world.seed)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = parser().parse_args(arguments)
    if options.plots and options.members is not None:
        parser().error("--plots draws the standard loads: leave --members out.")
    found = rows(options)
    if options.plots:
        plots.draw(found, options.plots)
    if options.json:
        versions = {
            "python": platform.python_version(),
            "simpy": importlib.metadata.version("simpy"),
        }
        print(json.dumps({"versions": versions, "rows": found}, indent=2))
    else:
        print(tables(found))


def _table(rows: Sequence[Row]) -> str:
    columns = [column for column in COLUMNS if any(column in row for row in rows)]
    cells = [[COLUMNS[column] for column in columns]]
    cells += [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    main()
