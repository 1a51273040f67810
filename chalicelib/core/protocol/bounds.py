"""Bounds of the wire protocol."""

from __future__ import annotations

from typing import Final

from chalicelib.core.record import Record

SUBPROTOCOL: Final = "fanfare.v1"

FRAME_LIMIT: Final = 32 * 1024
"""Bytes of a frame from a client, above which the gateway closes the socket; also the unit by
which API Gateway meters, to which frames for clients are cut.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
"""

MESSAGE_LIMIT: Final = 16 * 1024
"""Bytes of UTF-8 in one message's text; with its envelope it fits into a frame."""

SIGNAL_LIMIT: Final = 4 * 1024
"""Bytes of JSON in one signal."""

ROOM_NAME_LIMIT: Final = 64
PAGE_LIMIT: Final = 100
"""Messages in one answer to `history` or `join`."""

PING_LIMIT: Final = 50
"""Rooms that one `ping` may ask for: as many as a connection may be in."""


class Bounds(Record, frozen=True):
    """Bounds of a client's frame; settings can lower what the protocol allows.

    Attributes:
        message: bytes of UTF-8 in a message's text (`FANFARE_MESSAGE_BYTES`).
        room_name: characters of a room's name (`FANFARE_ROOM_NAME_LENGTH`).
        depth: arrays and objects within each other (`FANFARE_JSON_DEPTH`).
        keys: keys in all its objects (`FANFARE_JSON_KEYS`); no signal within its limit has more
            than the default.
    """

    message: int = MESSAGE_LIMIT
    room_name: int = ROOM_NAME_LIMIT
    depth: int = 32
    keys: int = 1000


BOUNDS: Final = Bounds()
