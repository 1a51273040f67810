"""A test in the server's place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import WebSocketRoute


class StandIn:
    """Accepts a page's connections inside the browser, and says what the test wants said."""

    def __init__(self) -> None:
        self._connections: list[WebSocketRoute] = []

    def accept(self, connection: WebSocketRoute) -> None:
        """Take a connection; give this to `open_page`."""
        self._connections.append(connection)

    def drop(self) -> None:
        """Close the newest connection."""
        self._connections[-1].close()

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame on the newest connection."""
        self._connections[-1].send(json.dumps(frame))

    def say(self, text: str, *, name: str = "Grace", sender: str = "c=") -> None:
        """Send a message from somebody else."""
        data = {
            "type": "chat",
            "message": text,
            "username": name,
            "userId": "u",
            "timestamp": "2026-11-24T09:30:00.000Z",
            "senderConnectionId": sender,
        }
        self.send({"type": "message", "data": data})
