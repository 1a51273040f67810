"""Program of one frozen container: `python -m apigw_local.lambda_.frozen_worker`.

It loads the app once, then takes invocations and gives answers, one JSON value a line.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apigw_local.aws.botocore_hooks import ManagementHook
from apigw_local.console.formatter import LineFormatter
from apigw_local.lambda_.invocation import Configuration, FunctionError, run
from apigw_local.lambda_.invocation_chain import TraceHeaderHook

if TYPE_CHECKING:
    from apigw_local.lambda_.invocation import Handler

_SIGNAL_WITH_PARENT = 1  # PR_SET_PDEATHSIG of linux/prctl.h


@dataclass(frozen=True)
class WorkerSpec:
    """Specification of a worker: its handler and its parent.

    Attributes:
        parent: the process that it must not outlive.
        project: the folder of app.py.
        path: the parent's `sys.path`.
        handler: the handler's name in the app.
        configuration: its function's.
    """

    parent: int
    project: str
    path: list[str]
    handler: str
    configuration: Configuration

    def to_text(self) -> str:
        """Return the specification as one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> WorkerSpec:
        """Return the specification of a text."""
        fields = json.loads(text)
        fields["configuration"] = Configuration(**fields["configuration"])
        return cls(**fields)


def main() -> None:
    """Serve invocations until the channel, an open socket, ends."""
    channel, spec = int(sys.argv[1]), WorkerSpec.from_text(sys.argv[2])
    _end_with(spec.parent)
    with socket.socket(fileno=channel).makefile("rw", encoding="utf-8") as lines:
        handler = _load(spec)
        trace = LineFormatter(Path(spec.project))
        _answer(lines, None)
        for line in lines:
            try:
                answer = {"result": run(handler, spec.configuration, **json.loads(line))}
            except FunctionError as error:
                answer = {"error": trace.traceback(error.__cause__ or error)}
            _answer(lines, answer)
    os._exit(0)  # threads that handlers have left don't keep it alive


def _end_with(parent: int) -> None:
    """End when the parent does, even if it is killed while this process stands still.

    On Linux "parent" is the thread that has started this process, and those of `functions` last
    as long as theirs. Elsewhere POSIX sees to it: a stopped process group whose last link to
    its session ends gets SIGHUP and SIGCONT.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SIGNAL_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        sys.exit()


def _load(spec: WorkerSpec) -> Handler:
    """Import the app as Chalice does: the project's folder first, ``vendor/`` last."""
    os.chdir(spec.project)
    sys.path[:] = [spec.project, *spec.path, str(Path(spec.project, "vendor"))]
    TraceHeaderHook().install()
    if gateway := os.environ.get("WEBSOCKET_ENDPOINT"):
        hook = ManagementHook()
        hook.redirect_to(gateway)
        hook.install()
    handler: Handler = importlib.import_module("app").app.handler_map[spec.handler]
    return handler


def _answer(lines: Any, answer: Any) -> None:
    lines.write(json.dumps(answer) + "\n")
    lines.flush()


if __name__ == "__main__":
    main()
