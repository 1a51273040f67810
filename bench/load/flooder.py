"""Floods of a room: one client beyond its limits, or many connections each within them."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bench.load.flood_scenes import Flood
from fanfare_client.client import SUBPROTOCOL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from bench.load.flood_scenes import Action

RETURN_SECONDS: Final = 0.5
"""Seconds after which a flooder that was closed, or not let in, tries again."""

PADDING: Final = "x" * 50


@asynccontextmanager
async def flooding(
    url: str,
    room: str,
    rate: float,
    *,
    action: Action = "message",
    users: int = 1,
    connections: int = 1,
) -> AsyncIterator[Flood]:
    """Flood a room while the block runs.

    Args:
        url: the WebSocket API.
        room: the room.
        rate: frames a second of each connection, whatever it is answered.
        action: what the frames do.
        users: how many flood.
        connections: how many each of them has.
    """
    flood = Flood()
    sessions = [secrets.token_urlsafe(16) for _ in range(users)]
    queries = [urlencode({"username": "Mallory", "session": session}) for session in sessions]
    tasks = [
        asyncio.create_task(_flood(f"{url}?{query}", {"action": action, "room": room}, rate, flood))
        for query in queries
        for _ in range(connections)
    ]
    try:
        yield flood
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def sent_at(event: dict[str, Any]) -> float | None:
    """Return when a flooder has sent a message or signal, in seconds of `time.monotonic`."""
    match event:
        case {"type": "message", "data": {"message": str(text)}} if text.startswith("{"):
            return float(json.loads(text)["at"])
        case {"type": "signal", "data": {"at": at}}:
            return float(at)
    return None


async def _flood(address: str, frame: dict[str, Any], rate: float, flood: Flood) -> None:
    while True:
        try:
            async with connect(
                address, subprotocols=[SUBPROTOCOL], compression=None, ping_interval=None
            ) as socket:
                await _pour(socket, frame, rate, flood)
        except InvalidStatus:
            flood.shut_out += 1
        await asyncio.sleep(RETURN_SECONDS)


async def _pour(socket: ClientConnection, frame: dict[str, Any], rate: float, flood: Flood) -> None:
    await socket.send(json.dumps({"action": "join", "room": frame["room"]}))
    await socket.recv()
    reading = asyncio.create_task(_count(socket, flood))
    start, sent = time.monotonic(), 0
    try:
        while True:
            data = {"at": time.monotonic(), "x": PADDING}
            content = (
                {"data": data} if frame["action"] == "signal" else {"message": json.dumps(data)}
            )
            await socket.send(json.dumps(frame | content))
            flood.sent += 1
            sent += 1
            await asyncio.sleep(start + sent / rate - time.monotonic())
    except ConnectionClosed:
        flood.closed += 1
    finally:
        reading.cancel()


async def _count(socket: ClientConnection, flood: Flood) -> None:
    with suppress(ConnectionClosed):
        async for text in socket:
            if '"error"' not in text:
                continue
            content = json.loads(text)
            for frame in content if isinstance(content, list) else [content]:
                if frame.get("type") == "error":
                    flood.answers[frame["code"]] += 1
