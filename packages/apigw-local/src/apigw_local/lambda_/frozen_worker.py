"""The program of one frozen container: `python -m apigw_local.lambda_.frozen_worker`.

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

from apigw_local.aws.management_hook import Reroute
from apigw_local.console.formatter import Lines
from apigw_local.lambda_.invocation import Configuration, FunctionError, run
from apigw_local.lambda_.invocation_chain import Lineage

if TYPE_CHECKING:
    from apigw_local.lambda_.invocation import Handler

_SIGNAL_WITH_PARENT = 1  # PR_SET_PDEATHSIG of linux/prctl.h


@dataclass(frozen=True)
class Order:
    """Which handler a container is for.

    Attributes:
        parent: the process it must not outlive.
        project: the folder of app.py.
        path: where the parent finds modules.
        handler: the handler's name in the app.
        configuration: its function's.
    """

    parent: int
    project: str
    path: list[str]
    handler: str
    configuration: Configuration

    def to_text(self) -> str:
        """Write it as one argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Order:
        """Read it back."""
        fields = json.loads(text)
        fields["configuration"] = Configuration(**fields["configuration"])
        return cls(**fields)


def main() -> None:
    """Serve invocations until the channel, an open socket, ends."""
    channel, order = int(sys.argv[1]), Order.from_text(sys.argv[2])
    _end_with(order.parent)
    with socket.socket(fileno=channel).makefile("rw", encoding="utf-8") as lines:
        handler = _load(order)
        trace = Lines(Path(order.project))
        _answer(lines, None)
        for line in lines:
            try:
                answer = {"result": run(handler, order.configuration, **json.loads(line))}
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


def _load(order: Order) -> Handler:
    """Import the app as Chalice does: the project's folder first, ``vendor/`` last."""
    os.chdir(order.project)
    sys.path[:] = [order.project, *order.path, str(Path(order.project, "vendor"))]
    Lineage().fit()
    if gateway := os.environ.get("WEBSOCKET_ENDPOINT"):
        reroute = Reroute()
        reroute.lead_to(gateway)
        reroute.fit()
    handler: Handler = importlib.import_module("app").app.handler_map[order.handler]
    return handler


def _answer(lines: Any, answer: Any) -> None:
    lines.write(json.dumps(answer) + "\n")
    lines.flush()


if __name__ == "__main__":
    main()
