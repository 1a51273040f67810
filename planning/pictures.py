"""Looks of the pictures in the documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

BLUE: Final = "#1f6fb4"
ORANGE: Final = "#d1661c"
STYLE: Final[dict[Any, Any]] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "legend.frameon": False,
}


def draw(pictures: Mapping[str, Callable[[Sequence[Axes]], None]], folder: Path) -> list[Path]:
    """Draw pictures of two panels each into a folder, and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with mpl.rc_context(STYLE):
        for name, paint in pictures.items():
            figure = Figure(figsize=(8, 3.2), layout="constrained")
            paint(figure.subplots(1, 2))
            file = folder / f"{name}.png"
            figure.savefig(file, dpi=110, facecolor="white")
            files.append(file)
    return files
