"""The pictures of docs/scale.md."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from planning import pictures
from planning.pictures import BLUE, ORANGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from planning.simulation.scenarios import Row


def draw(rows: Sequence[Row], folder: Path) -> list[Path]:
    """Draw each part's picture into a folder, and return the files."""
    parts = {"publish": _publish, "busy": _busy, "many": _many}
    return pictures.draw(
        {
            part: partial(paint, rows=[row for row in rows if row["part"] == part])
            for part, paint in parts.items()
        },
        folder,
    )


def _line(axes: Axes, rows: Sequence[Row], x: str, y: str, **look: Any) -> None:
    axes.plot([row[x] for row in rows], [row[y] for row in rows], marker="o", ms=4, **look)


def _publish(both: Sequence[Axes], rows: list[Row]) -> None:
    for axes, quota in zip(both, sorted({row["quota"] for row in rows}), strict=True):
        for world, color in (("kind", BLUE), ("harsh", ORANGE)):
            chosen = [row for row in rows if row["quota"] == quota and row["world"] == world]
            _line(axes, chosen, "members", "last_s", color=color, label=f"last, {world}")
            _line(axes, chosen, "members", "first_s", color=color, ls=":", label=f"first, {world}")
        axes.set(
            xscale="log",
            yscale="log",
            ylim=(0.03, 1_500),
            xlabel="members of the room",
            ylabel="seconds after sending",
            title=f"One message, quota {quota:,}/s",
        )
    both[0].legend()


def _busy(both: Sequence[Axes], rows: list[Row]) -> None:
    members = max(row["members"] for row in rows)
    for linger, color, label in ((True, BLUE, "linger"), (False, ORANGE, "no linger")):
        chosen = [row for row in rows if row["members"] == members and row["linger"] == linger]
        _line(both[0], chosen, "rate", "posts_per_delivered", color=color, label=label)
        _line(both[1], chosen, "rate", "p50_ms", color=color, label=f"p50, {label}")
        _line(both[1], chosen, "rate", "p99_ms", color=color, ls=":", label=f"p99, {label}")
    both[0].set(ylabel="posts per delivered message", ylim=(0, 1.05))
    both[1].set(ylabel="delay in ms", ylim=(0, None))
    for axes in both:
        axes.set(xlabel="messages a second", title=f"A room of {members:,}")
        axes.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.2))


def _many(both: Sequence[Axes], rows: list[Row]) -> None:
    _line(both[0], rows, "rooms", "p50_ms", color=BLUE, label="p50")
    _line(both[0], rows, "rooms", "p99_ms", color=BLUE, ls=":", label="p99")
    _line(both[1], rows, "rooms", "posts_per_delivered", color=BLUE)
    both[0].set(ylabel="delay in ms", ylim=(0, None))
    both[0].legend()
    both[1].set(ylabel="posts per delivered message", ylim=(0, 1.05))
    for axes in both:
        axes.set(xlabel="rooms of ten, a message a second each", title="Quota 10,000/s")
