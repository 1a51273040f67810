"""The nouns: connections, the members of rooms, and messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NewType

ConnectionId = NewType("ConnectionId", str)
RoomId = NewType("RoomId", str)
UserId = NewType("UserId", str)

LOBBY: Final = RoomId("lobby")
"""The room of every connection that speaks the plain form."""


@dataclass(frozen=True)
class Connection:
    """One open WebSocket, from its `$connect` to its `$disconnect`.

    Attributes:
        id: as API Gateway names it; new at each reconnect.
        connected_at: milliseconds since 1970.
        rooms: the rooms it is a member of.
        api_id: the WebSocket API that holds the socket, needed to post to it.
        stage: that API's stage.
    """

    id: ConnectionId
    user_id: UserId
    username: str
    connected_at: int
    rooms: frozenset[RoomId]
    api_id: str
    stage: str


@dataclass(frozen=True)
class Member:
    """One connection's place in one room."""

    id: ConnectionId
    user_id: UserId
    username: str


@dataclass(frozen=True)
class Message:
    """What somebody said in a room, accepted and on its way to the members.

    Attributes:
        id: unique in the room; the same id is the same message, however often it comes.
        sender: the connection that it came from, which gets no copy.
        sent_at: milliseconds since 1970, when the message was accepted.
    """

    id: str
    room: RoomId
    type: str
    text: str
    user_id: UserId
    username: str
    sender: ConnectionId
    sent_at: int
