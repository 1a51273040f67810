"""Frozen containers: processes that stand still between a handler's invocations, as on Lambda.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from apigw_local.lambda_.frozen_worker import WorkerSpec
from apigw_local.lambda_.invocation import FunctionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from apigw_local.lambda_.invocation import Configuration

_HOME = Path(__file__).parents[2]
START_SECONDS = 30.0
_EXIT_SECONDS = 5.0

# Lambda has up to 1,000 (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html);
# each takes the memory of a Python process with the app.
_MOST = 8

# The app must not take a container for `chalice local`, and `-m` needs the folder it starts in.
_NOT_INHERITED = {"AWS_CHALICE_CLI_MODE", "PYTHONSAFEPATH"}


class FrozenContainers:
    """Containers of one function, started on demand and used again."""

    def __init__(
        self,
        project: Path,
        handler: str,
        configuration: Configuration,
        environment: Mapping[str, str],
        most: int = _MOST,
    ) -> None:
        """Describe the function; nothing is started before its first invocation.

        Args:
            project: the folder of app.py.
            handler: the handler's name in the app.
            configuration: the function's.
            environment: variables added to this process's environment.
            most: the most containers that run side by side.
        """
        self._project = project
        self._handler = handler
        self._configuration = configuration
        self._environment = environment
        self._slots = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[FrozenContainer] = []
        self._busy: set[FrozenContainer] = set()

    def run(self, event: dict[str, Any], trace_header: str) -> Any:
        """Run the handler in a container that is free, or in a new one.

        Waits while as many run as may side by side.

        Args:
            event: the handler's event.
            trace_header: the trace header of the messages that it sends.

        Returns:
            The handler's result, as JSON would carry it.

        Raises:
            FunctionError: the handler raised, took too long or ended its process, or the app
                can't be loaded.
        """
        with self._slots:
            with self._lock:
                container = self._idle.pop() if self._idle else self._launch()
                self._busy.add(container)
            try:
                return container.invoke(event, trace_header)
            finally:
                with self._lock:
                    self._busy.remove(container)
                    if container.is_alive:
                        self._idle.append(container)

    def close(self) -> None:
        """End every container, whatever it is doing. Nothing may be run afterwards."""
        with self._lock:
            for container in self._busy:
                container.kill()
            while self._idle:
                self._idle.pop().close()

    def _launch(self) -> FrozenContainer:
        spec = WorkerSpec(
            parent=os.getpid(),
            project=str(self._project),
            path=sys.path,
            handler=self._handler,
            configuration=self._configuration,
        )
        inherited = {k: v for k, v in os.environ.items() if k not in _NOT_INHERITED}
        return FrozenContainer(spec, {**inherited, **self._environment})


class FrozenContainer:
    """Process with the app loaded, stopped but for its invocations."""

    def __init__(self, spec: WorkerSpec, environment: Mapping[str, str]) -> None:
        self._configuration = spec.configuration
        self._socket, theirs = socket.socketpair()
        self._answers = self._socket.makefile("rb")
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-u",  # what a handler prints is out before the process stands still
                    "-m",
                    "apigw_local.lambda_.frozen_worker",
                    str(theirs.fileno()),
                    spec.to_text(),
                ],
                cwd=_HOME,
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is for the parent, which lets invocations finish
            )
        self._is_loaded = False

    @property
    def is_alive(self) -> bool:
        """True until the process ends."""
        return self._process.poll() is None

    def invoke(self, event: dict[str, Any], trace_header: str) -> Any:
        """Let the process go on for one invocation.

        Returns:
            The handler's result.

        Raises:
            FunctionError: it raised, and the container goes on; or it took too long or ended its
                process, or that failed to load the app, and the container is gone.
        """
        name = self._configuration.name
        timeout = self._configuration.timeout
        try:
            answer = self._exchange({"event": event, "trace_header": trace_header}, timeout)
        except TimeoutError:
            self.close()
            raise FunctionError(f"{name}: Task timed out after {timeout:.2f} seconds") from None
        except (OSError, EOFError):
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_EXIT_SECONDS)
            self.close()
            code = self._process.returncode
            raise FunctionError(f"{name}: its process ended early, with exit code {code}") from None
        if "error" in answer:
            raise FunctionError(answer["error"])
        return answer["result"]

    def kill(self) -> None:
        """End the process, which ends the invocation that waits for it."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process and close its channel; no invocation may be waiting."""
        self.kill()
        self._answers.close()
        self._socket.close()

    def _exchange(self, invocation: dict[str, Any], seconds: float) -> Any:
        if not self._is_loaded:
            self._receive(START_SECONDS)
            self._is_loaded = True
        self._process.send_signal(signal.SIGCONT)
        self._socket.settimeout(seconds)
        self._socket.sendall(json.dumps(invocation).encode() + b"\n")
        answer = self._receive(seconds)
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # until each of its threads stands still
        return answer

    def _receive(self, seconds: float) -> Any:
        self._socket.settimeout(seconds)
        line = self._answers.readline()
        if not line:
            raise EOFError
        return json.loads(line)
