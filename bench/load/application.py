"""The running application that some measurements need."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, WebSocketException

from fanfare_client.client import SUBPROTOCOL

ANSWER_SECONDS: Final = 10


def require_application(url: str) -> None:
    """Return if a WebSocket API answers at a URL and lets a client in.

    Raises:
        SystemExit: with status 1 and one line that says why not, and what to do.
    """
    try:
        asyncio.run(_visit(url))
    except (OSError, EOFError, InvalidMessage):
        sys.exit(f"No application answers at {url}: start it with `make run`, or give another URL.")
    except WebSocketException as error:
        sys.exit(f"The application at {url} lets nobody in: {error}.")


async def _visit(url: str) -> None:
    # As a client of version 1, which is in no room until it joins one.
    async with connect(url, subprotocols=[SUBPROTOCOL], open_timeout=ANSWER_SECONDS):
        pass
