"""The table's items: their keys, and their attributes as nouns.

| item       | pk       | sk                              | attributes                            |
|------------|----------|---------------------------------|---------------------------------------|
| connection | C#<id>   | C                               | user_id, username, protocol, rooms, … |
| member     | R#<room> | M#<4 hex of a hash of id><id>   | user_id, username, protocol           |
| head       | R#<room> | H                               | epoch, seq, recent, version, members  |
| message    | R#<room> | S#<seq, 16 digits>              | epoch, id, key, type, text, sender, … |

The hash makes any slice of a room's members one `Query … BETWEEN`, so a large room can be split
among workers without a member ever moving. Every item carries `expires_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from chalicelib.identity import Rights
from chalicelib.model import (
    Connection,
    ConnectionId,
    Epoch,
    Head,
    Member,
    Message,
    MessageKey,
    Numbered,
    Origin,
    Protocol,
    RoomId,
    User,
    UserId,
    slot,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    Item = dict[str, AttributeValueTypeDef]

KEY_LENGTH: Final = 16
"""Characters of a message key; keys stand in `recent` end to end."""


def connection_key(connection_id: ConnectionId) -> Item:
    """Return the key of a connection."""
    return {"pk": {"S": f"C#{connection_id}"}, "sk": {"S": "C"}}


def room_key(room: RoomId) -> str:
    """Return the partition of a room."""
    return f"R#{room}"


def head_key(room: RoomId) -> Item:
    """Return the key of a room's head."""
    return {"pk": {"S": room_key(room)}, "sk": {"S": "H"}}


def member_key(room: RoomId, connection_id: ConnectionId) -> Item:
    """Return the key of a connection's place in a room."""
    place = f"M#{slot(connection_id):04x}{connection_id}"
    return {"pk": {"S": room_key(room)}, "sk": {"S": place}}


def seq_key(seq: int) -> str:
    """Return the sort key of a message."""
    return f"S#{seq:016}"


def message_item(numbered: Numbered) -> Item:
    """Write a message under its number."""
    message = numbered.message
    return {
        "pk": {"S": room_key(message.room)},
        "sk": {"S": seq_key(numbered.seq)},
        "epoch": {"S": numbered.epoch},
        "id": {"S": message.id},
        "key": {"S": message.key},
        "type": {"S": message.type},
        "text": {"S": message.text},
        "user_id": {"S": message.user.user_id},
        "username": {"S": message.user.username},
        "sender": {"S": message.sender},
        "sent_at": {"N": str(message.sent_at)},
    }


def read_message(room: RoomId, item: Item) -> Numbered:
    """Read a message and its number."""
    return Numbered(
        seq=int(item["sk"]["S"][len("S#") :]),
        epoch=Epoch(item["epoch"]["S"]),
        message=Message(
            id=item["id"]["S"],
            room=room,
            type=item["type"]["S"],
            text=item["text"]["S"],
            user=read_user(item),
            sender=ConnectionId(item["sender"]["S"]),
            sent_at=int(item["sent_at"]["N"]),
        ),
    )


def connection_item(connection: Connection) -> Item:
    """Write a connection, which is in no room yet."""
    until: Item = {} if connection.until is None else {"until": {"N": str(connection.until)}}
    return {
        **until,
        "rights": {"S": msgspec.json.encode(connection.rights).decode()},
        **connection_key(connection.id),
        "user_id": {"S": connection.user.user_id},
        "username": {"S": connection.user.username},
        "protocol": {"S": connection.protocol},
        "api_id": {"S": connection.origin.api_id},
        "stage": {"S": connection.origin.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def read_connection(connection_id: ConnectionId, item: Item) -> Connection:
    """Read a connection."""
    return Connection(
        id=connection_id,
        user=read_user(item),
        protocol=Protocol(item["protocol"]["S"]),
        connected_at=int(item["connected_at"]["N"]),
        origin=Origin(item["api_id"]["S"], item["stage"]["S"]),
        rooms=read_rooms(item),
        rights=read_rights(item),
        until=int(item["until"]["N"]) if "until" in item else None,
    )


def member_item(room: RoomId, connection: Connection) -> Item:
    """Write a connection's place in a room."""
    return {
        **member_key(room, connection.id),
        "user_id": {"S": connection.user.user_id},
        "username": {"S": connection.user.username},
        "protocol": {"S": connection.protocol},
    }


def read_head(item: Item) -> Head:
    """Read where a room stands."""
    recent = item["recent"]["S"]
    return Head(
        epoch=Epoch(item["epoch"]["S"]),
        seq=int(item["seq"]["N"]),
        recent=tuple(
            MessageKey(recent[start : start + KEY_LENGTH])
            for start in range(0, len(recent), KEY_LENGTH)
        ),
        version=int(item["version"]["N"]),
        members=max(int(item["members"]["N"]), 0),
    )


def read_member(item: Item) -> Member:
    """Read a member."""
    return Member(
        id=ConnectionId(item["sk"]["S"][len("M#0000") :]),
        user=read_user(item),
        protocol=Protocol(item["protocol"]["S"]),
    )


def read_user(item: Item) -> User:
    """Read who a connection, a member or a message belongs to."""
    return User(UserId(item["user_id"]["S"]), item["username"]["S"])


def read_rights(item: Item) -> Rights:
    """Read what a connection may do; one that an older version kept may do what anybody may."""
    return msgspec.json.decode(item["rights"]["S"], type=Rights) if "rights" in item else Rights()


def read_rooms(item: Item) -> frozenset[RoomId]:
    """Read the rooms that a connection lists."""
    rooms = item.get("rooms")
    return frozenset(RoomId(room) for room in rooms["SS"]) if rooms else frozenset()
