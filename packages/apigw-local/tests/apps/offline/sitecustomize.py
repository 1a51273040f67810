"""Keeps a Python process on this machine, and tells of each attempt to leave it.

Python imports this module at start when its folder is on PYTHONPATH.
"""

import sys
from typing import Any

_HERE = {None, "127.0.0.1", b"127.0.0.1", "localhost", "::1"}
_LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname"}


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _LOOKUPS:
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):  # else it is a file
        host = arguments[1][0]
    else:
        return
    if host not in _HERE:
        sys.stderr.write(f"LEAK: {event} {host}\n")
        sys.stderr.flush()
        raise OSError(f"{host} is not this machine")


sys.addaudithook(_watch)
