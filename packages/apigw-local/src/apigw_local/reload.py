"""Which files make a project reload.

Chalice's watcher stats every file under the project each second: a virtual environment costs
much of a core there, and the `.pyc` of a module just imported, or a test's cache, is a change.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from chalice.cli.filewatch.stat import StatFileWatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Nothing in these is served or deployed, and tools write into them while the server runs.
_CACHES = {"__pycache__", "node_modules"}
_BESIDE_THE_APP = {"tests", "docs", "bench"}


def install() -> None:
    """Narrow Chalice's watcher, which in a reloader's worker may be running already.

    The method is the one that the running watcher looks up anew for each pass.
    """
    StatFileWatcher._single_pass_poll = _single_pass_poll  # type: ignore[method-assign] # no setting does it


def watched_files(root: str) -> Iterator[str]:
    """Yield the files under a project that a reload depends on.

    Left out are hidden ones (but for Chalice's own settings), virtual environments, and the
    folders that hold caches or, beside the app, tests and documents.
    """
    for folder, folders, files in os.walk(root):
        beside = _BESIDE_THE_APP if folder == root else set()
        folders[:] = [name for name in folders if _is_code(folder, name) and name not in beside]
        yield from (str(Path(folder, name)) for name in files if not _is_scratch(name))
    settings = Path(root, ".chalice", "config.json")
    if settings.exists():
        yield str(settings)


def _is_code(parent: str, name: str) -> bool:
    return not (
        name.startswith(".") or name in _CACHES or Path(parent, name, "pyvenv.cfg").exists()
    )


def _is_scratch(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")  # editors' swap and backup files


class _Snapshot(dict[str, float]):
    """The watched files and when each was last modified."""


def _single_pass_poll(self: StatFileWatcher, root_dir: str, callback: Callable[[], None]) -> None:
    """Call back if a watched file was added, changed or deleted since the last pass.

    The first time, the last pass is Chalice's own listing of every file: one that is missing
    now says nothing, since it may only be no longer watched.
    """
    before = self._mtime_cache
    now = _Snapshot()
    for path in watched_files(root_dir):
        with contextlib.suppress(FileNotFoundError):  # deleted between the listing and here
            now[path] = Path(path).stat().st_mtime
    changed = now != before if isinstance(before, _Snapshot) else not now.items() <= before.items()
    self._mtime_cache = now
    if changed:
        callback()
