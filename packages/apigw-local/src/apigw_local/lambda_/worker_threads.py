"""Threads of invocations, and threads that a handler left running: Lambda freezes those."""

from __future__ import annotations

import queue
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apigw_local.console.formatter import is_own
from apigw_local.lambda_.invocation import FunctionError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class WorkerThreads:
    """Pool of daemon threads, started on demand.

    `concurrent.futures.ThreadPoolExecutor` would do, but the interpreter joins its threads at
    exit, so one handler that hangs would keep Ctrl-C from ending the process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._threads = 0
        self._in_flight = 0
        self._submitted = 0

    def submit(self, job: Callable[[], Any]) -> Future[Any]:
        """Run a job in a thread; the future has its result or its `FunctionError`."""
        future: Future[Any] = Future()
        with self._changed:
            self._in_flight += 1
            self._submitted += 1
            if self._threads < min(self._in_flight, self._limit):
                self._threads += 1
                threading.Thread(target=self._work, name="lambda", daemon=True).start()
        self._jobs.put((future, job))
        return future

    def sole(self) -> int | None:
        """Return the number of the only job in flight, None if there are several."""
        return self._submitted if self._in_flight == 1 else None

    def wait(self, timeout: float) -> bool:
        """Wait for the jobs in flight, some seconds at most; return whether all have ended."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, timeout)

    def _work(self) -> None:
        while True:
            future, job = self._jobs.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(job())
                except FunctionError as error:
                    future.set_exception(error)
            del future, job
            with self._changed:
                self._in_flight -= 1
                self._changed.notify_all()


def alive() -> set[int]:
    """Return the identifiers of this process's threads."""
    return {thread.ident for thread in threading.enumerate() if thread.ident is not None}


def work_since(before: set[int], project: str | None) -> str | None:
    """Return the place of a running thread of the app's, such as `app.py:12`, or None.

    A pool's thread that waits for work has no frame of the app on its stack. One that answers an
    HTTP request beside has, but it is Chalice's.

    Args:
        before: the result of `alive` before the handler ran.
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
