"""Reloads: the files that cause them, and the end of a worker.

Chalice's watcher stats every file under the project each second: a virtual environment costs
much of a core there, and the `.pyc` of a module just imported, or a test's cache, is a change.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from chalice.cli.filewatch.stat import StatFileWatcher

from apigw_local.aws.ministack_process import wait_for_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Nothing in these is served or deployed, and tools write into them while the server runs.
_CACHES = {"__pycache__", "node_modules"}
_BESIDE_THE_APP = {"tests", "docs", "bench"}


def install() -> None:
    """Narrow Chalice's watcher, which may already run in a reloader's worker.

    A running watcher looks this method up anew for each pass.
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


def end_with_reloader() -> int | None:
    """End a worker when its reloader ends; return the reloader's pid, None without one.

    A reloader that is killed rather than interrupted leaves its worker behind otherwise, and
    with it the ports.
    """
    if "CHALICE_WORKER" not in os.environ:
        return None
    reloader = os.getppid()

    def follow() -> None:
        wait_for_exit(reloader)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="reloader-watch", daemon=True).start()
    return reloader


def _is_code(parent: str, name: str) -> bool:
    return not (
        name.startswith(".") or name in _CACHES or Path(parent, name, "pyvenv.cfg").exists()
    )


def _is_scratch(name: str) -> bool:
    return name.startswith(".") or name.endswith("~")  # editors' swap and backup files


class _Snapshot(dict[str, float]):
    """Modification times of the watched files."""


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
