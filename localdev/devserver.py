"""Chalice's development server, with the local runtime beside it."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

import chalice.local

from localdev.errors import LocalError

if TYPE_CHECKING:
    from chalice.app import Chalice
    from chalice.config import Config


def install() -> None:
    """Have `chalice local` build a `DevServer` (chalice.local looks the class up by name)."""
    chalice.local.LocalDevServer = DevServer  # type: ignore[misc, assignment] # no hook does it


class DevServer(chalice.local.LocalDevServer):
    """Serves HTTP as Chalice does, and runs the local runtime for as long.

    Chalice calls `serve_forever` in a thread of the reloader's worker and `shutdown` from its
    main thread, at any moment: a file may change while the runtime still starts.
    """

    def __init__(self, app_object: Chalice, config: Config, host: str, port: int) -> None:
        try:
            super().__init__(app_object, config, host, port)
        except (OSError, OverflowError) as error:
            from localdev.ports import refusal

            _give_up(refusal(host, port, error))
        from localdev.runtime import Runtime

        bound_port: int = self.server.server_address[1]  # --port 0 takes any free one
        self._runtime = Runtime(app_object, config, host, bound_port)
        self._lock = threading.Lock()
        self._serving = False
        self._closed = False

    def serve_forever(self) -> None:
        """Start the runtime, then answer HTTP requests until `shutdown`."""
        with self._lock:
            if self._closed:
                return
            try:
                self._runtime.start()
            except LocalError as error:
                _give_up(str(error))
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


def _give_up(message: str) -> NoReturn:
    """End the process from whichever thread this is; the reloader's parent then ends too."""
    print(f"\n{message}\n", file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(1)
