"""Workloads by name."""

from __future__ import annotations

from typing import Final

from planning.cost.workload import Workload

PRESETS: Final = {
    "idle": Workload(rooms=0, connections=10_000),
    "room": Workload(rooms=1, members=100, rate=1),
    "office": Workload(rooms=100, members=10, rate=0.1, hours=9, days=22),
    "support": Workload(rooms=500, members=2, rate=0.05, hours=10, days=22),
    "show": Workload(rooms=1, members=1_000, rate=20, hours=2, days=8),
    "crowd": Workload(rooms=1, members=1_000, rate=20),
}
"""Idle connections; a room that always talks; a company's chat; customers with an agent each; a
large room for a few evenings, and the same room all month."""
