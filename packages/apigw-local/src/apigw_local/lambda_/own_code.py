"""Which code is the app's own."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

_HERE = Path(__file__).resolve().parents[1]


@lru_cache(maxsize=4096)
def is_own(filename: str, project: Path) -> bool:
    """Whether a file is the app's, and no library's.

    Args:
        filename: as a frame names it, such as `<frozen importlib._bootstrap>` where none is.
        project: the app's folder, which may hold a virtual environment, and this package.
    """
    path = Path(filename).resolve()
    return (
        not filename.startswith("<")
        and path.is_relative_to(project.resolve())
        and not path.is_relative_to(_HERE)
        and "site-packages" not in path.parts
    )
