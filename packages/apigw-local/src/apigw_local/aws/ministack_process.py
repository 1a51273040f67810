"""MiniStack, tied to the life of another process: `python ministack_process.py PID`.

It runs by its path, so it imports nothing of this package.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import select
import shutil
import sys
import tempfile
import threading
import time
from typing import Any


def wait_for_exit(pid: int) -> None:
    """Return once a process has ended, at once if there is none."""
    if sys.platform == "linux":
        with contextlib.suppress(ProcessLookupError):
            # Also exact for a process that was killed and that nobody has waited for.
            descriptor = os.pidfd_open(pid)
            select.select([descriptor], [], [])
            os.close(descriptor)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            while True:
                os.kill(pid, 0)
                time.sleep(0.25)


def main() -> None:
    """Serve until the owner ends, then leave nothing behind: not even the temporary files."""
    owner = int(sys.argv[1])
    threading.Thread(target=_end_with, args=(owner,), daemon=True).start()
    sys.argv[1:] = []
    _keep_trace_headers()
    runpy.run_module("ministack", run_name="__main__")


def _keep_trace_headers() -> None:
    """Have SendMessageBatch keep its messages' trace headers, which MiniStack 1.5.33 drops.

    It hands one entry after the other to what sends a single message, in one thread.
    """
    from ministack.services import sqs

    send, send_batch = sqs._act_send_message, sqs._act_send_message_batch

    def send_whole_batch(data: dict[str, Any], url: str) -> Any:
        attributes = (entry.get("MessageSystemAttributes") for entry in data.get("Entries", ()))
        sqs._act_send_message = lambda message, url: send(
            {**message, "MessageSystemAttributes": next(attributes)}, url
        )
        try:
            return send_batch(data, url)
        finally:
            sqs._act_send_message = send

    sqs._HANDLERS["SendMessageBatch"] = send_whole_batch


def _end_with(owner: int) -> None:
    wait_for_exit(owner)
    shutil.rmtree(tempfile.gettempdir(), ignore_errors=True)  # TMPDIR is this run's own
    os._exit(0)  # MiniStack's own way out waits for idle connections


if __name__ == "__main__":
    main()
