"""Measures Fanfare: `python -m bench [PART] [--json]`, or all parts and a file of results.

    posting     posts a second, and a CPU-second, of several clients
    broadcast   from one message to the last of many recipients
    rooms       posts per delivered message, and delays, in busy rooms
    cold        a container's first invocation, from the functions' zip
    memory      what posting takes over the baseline
    gateway     posts a second that the local gateway takes, and memory of its connections
    flood       the price of floods for others, simulated for AWS or in an application that runs

`python -m bench.load.lobby` and `python -m bench.load.reconnects` need a running application;
`python -m planning.simulation` and `python -m planning.cost` reckon and measure nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import broadcast, busy_rooms, cold, gateway, memory, posting, report
from bench.load import flood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from _typeshed import DataclassInstance

    Parts = Mapping[str, Callable[[], Iterable[DataclassInstance]]]

PARTS: Final[Parts] = {
    "posting": posting.measure,
    "broadcast": broadcast.measure,
    "rooms": busy_rooms.measure,
    "cold": cold.measure,
    "memory": memory.measure,
    "gateway": gateway.measure,
}

RESULTS: Final = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None, parts: Parts = PARTS) -> None:
    """Run the command line."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["flood"]:
        flood.main(arguments[1:])
        return
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("part", nargs="?", choices=[*parts, "flood"])
    parser.add_argument("--json", action="store_true", help="print one JSON object (with a part)")
    options = parser.parse_args(arguments)
    if options.part is None:
        _all()
        return
    about = report.about()
    rows = [asdict(row) for row in parts[options.part]()]
    print(json.dumps(about | {"rows": rows}, indent=2) if options.json else report.table(rows))


def _all() -> None:
    """Measure every part, print its table, and keep all rows in a file.

    Each in a process of its own, so that none is measured with what another has left behind.
    """
    results: dict[str, Any] = report.about()
    print(json.dumps(results, indent=2))
    for name in PARTS:
        part = subprocess.run(  # noqa: S603 - this program again
            [sys.executable, "-m", "bench", name, "--json"], stdout=subprocess.PIPE, check=True
        )
        results[name] = json.loads(part.stdout)["rows"]
        print(f"\n{name}\n{report.table(results[name])}", flush=True)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y-%m-%dT%H%M%SZ}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
