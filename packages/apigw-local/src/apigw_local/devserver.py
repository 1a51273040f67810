"""Development server of Chalice, with the local runtime beside it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import chalice.local

from apigw_local.errors import LocalError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalice.app import Chalice
    from chalice.config import Config

    from apigw_local.runtime import Runtime

_CHALICES_OWN = chalice.local.LocalDevServer


class DevServer(chalice.local.LocalDevServer):
    """Server of the app's HTTP routes, which runs the local runtime for as long.

    Chalice calls `serve_forever` in a thread of the reloader's worker and `shutdown` from its
    main thread, at any moment: a file may change while the runtime still starts.
    """

    def __init__(
        self,
        app_object: Chalice,
        config: Config,
        host: str,
        port: int,
        runtime: Runtime | None = None,
    ) -> None:
        self._runtime = runtime or _runtime(config)
        try:
            super().__init__(app_object, config, host, port)
        except (OSError, OverflowError) as error:
            from apigw_local.addresses import refusal

            give_up(refusal(host, port, error, self._runtime.options.command))
        self._lock = threading.Lock()
        self._serving = False
        self._closed = False

    def serve_forever(self) -> None:
        """Start the runtime, then answer HTTP requests until `shutdown`."""
        with self._lock:
            if self._closed:
                return
            bound_port: int = self.server.server_address[1]  # --port 0 takes any free one
            try:
                self._runtime.start(self.app_object, self.host, bound_port)
            except ProjectError as error:
                self.server.server_close()  # rather than let browsers wait in its queue
                stand_by(error)
            except LocalError as error:
                give_up(str(error))
            self._serving = True
        try:
            super().serve_forever()
        finally:  # Ctrl-C without the reloader ends here, and nothing else would stop it
            self._runtime.stop()

    def shutdown(self) -> None:
        """Stop the runtime, then the HTTP server."""
        with self._lock:
            self._closed = True
            self._runtime.stop()
        if self._serving:  # socketserver waits for ever for a loop that was never entered
            super().shutdown()


def install(build: Callable[..., DevServer] = DevServer) -> None:
    """Replace Chalice's server by this one: chalice.local looks the class up by name.

    The first call holds, so that `python -m apigw_local` serves an app that attaches itself.
    """
    if chalice.local.LocalDevServer is _CHALICES_OWN:
        chalice.local.LocalDevServer = build  # type: ignore[misc, assignment] # no hook does it


def stand_by(error: ProjectError) -> NoReturn:
    """Print the project's error and wait for the reloader to start again.

    It ends the serving thread; the thread that watches the files goes on. Without a reloader it
    ends the process.
    """
    if "CHALICE_WORKER" not in os.environ:
        give_up(str(error))
    print(f"\n{error}\n\nWaiting for a change of the project.", file=sys.stderr, flush=True)
    sys.exit()


def give_up(message: str) -> NoReturn:
    """End the process from whichever thread this is; the reloader's parent then ends too."""
    print(f"\n{message}\n", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(1)


def _runtime(config: Config) -> Runtime:
    from apigw_local.options import from_environment
    from apigw_local.runtime import Runtime

    try:
        return Runtime(config, from_environment(os.environ))
    except LocalError as error:
        give_up(str(error))
