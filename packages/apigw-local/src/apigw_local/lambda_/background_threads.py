"""Threads that a handler has left at work, which Lambda would freeze."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from apigw_local.lambda_.own_code import is_own

if TYPE_CHECKING:
    from types import FrameType


def alive() -> set[int]:
    """Return the threads of this process, by their identifiers."""
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None}


def work_since(before: set[int], project: str | None) -> str | None:
    """Return where a thread of the app's is at work, such as `app.py:12`, None if none is.

    A pool's thread that waits for work has no frame of the app on its stack. One that answers an
    HTTP request beside has, but it is Chalice's.

    Args:
        before: what `alive` was before the handler ran.
        project: the app's folder, None if there is none.
    """
    if project is None:
        return None
    frames = sys._current_frames()
    places = (_place(frames.get(thread), Path(project)) for thread in alive() - before)
    return next(filter(None, places), None)


def _place(frame: FrameType | None, project: Path) -> str | None:
    place = None
    while frame is not None:
        if frame.f_globals.get("__name__") == "socketserver":
            return None
        if place is None and is_own(frame.f_code.co_filename, project):
            place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"
        frame = frame.f_back
    return place
