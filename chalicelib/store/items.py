"""The table's items: their keys, and their attributes as nouns.

| item       | pk       | sk                              | attributes                            |
|------------|----------|---------------------------------|---------------------------------------|
| connection | C#<id>   | C                               | user_id, username, protocol, rooms, … |
| its entry  | U#<user> | C#<id>                          | api_id, stage, connected_at           |
| user       | U#<user> | T                               | paid, barred_until, asked_at          |
| member     | R#<room> | M#<4 hex of a hash of id><id>   | user_id, username, protocol           |
| head       | R#<room> | H                               | epoch, seq, recent, version, members  |
| message    | R#<room> | S#<seq, 16 digits>              | epoch, id, key, type, text, sender, … |
| sanction   | R#<room> | B#<user>#<ban or mute>          |                                       |

The hash makes any slice of a room's members one `Query … BETWEEN`, so a large room can be split
among workers without a member ever moving. Every item carries `expires_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from chalicelib.identity import Rights
from chalicelib.model import (
    Address,
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
    Sanction,
    User,
    UserId,
    slot,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.model import MessageType

    Item = dict[str, AttributeValueTypeDef]

KEY_LENGTH: Final = 16
"""Characters of a message key; keys stand in `recent` end to end."""

_MUTED: Final = "muted "


def connection_key(connection_id: ConnectionId) -> Item:
    """Return the key of a connection."""
    return {"pk": {"S": f"C#{connection_id}"}, "sk": {"S": "C"}}


def user_connection_key(user_id: UserId, connection_id: ConnectionId) -> Item:
    """Return the key of a connection's entry with its user."""
    return {"pk": {"S": f"U#{user_id}"}, "sk": {"S": f"C#{connection_id}"}}


def account_key(user_id: UserId) -> Item:
    """Return the key of a user's own item."""
    return {"pk": {"S": f"U#{user_id}"}, "sk": {"S": "T"}}


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


def sanctions_prefix(user_id: UserId) -> str:
    """Return what the sort keys of a user's sanctions begin with."""
    return f"B#{user_id}#"


def sanction_key(room: RoomId, user_id: UserId, sanction: Sanction) -> Item:
    """Return the key of a sanction."""
    return {"pk": {"S": room_key(room)}, "sk": {"S": f"{sanctions_prefix(user_id)}{sanction}"}}


def read_sanction(item: Item) -> tuple[Sanction, int]:
    """Read a sanction, and until when it holds."""
    return Sanction(item["sk"]["S"].rpartition("#")[2]), int(item["expires_at"]["N"])


def muted_attribute(room: RoomId) -> str:
    """Return the attribute of a connection that tells until when it may not speak in a room."""
    return f"{_MUTED}{room}"


def seq_key(seq: int) -> str:
    """Return the sort key of a message."""
    return f"S#{seq:016}"


def message_key(room: RoomId, seq: int) -> Item:
    """Return the key of a message."""
    return {"pk": {"S": room_key(room)}, "sk": {"S": seq_key(seq)}}


def message_item(numbered: Numbered) -> Item:
    """Write a message under its number."""
    message = numbered.message
    return {
        **message_key(message.room, numbered.seq),
        "epoch": {"S": numbered.epoch},
        "id": {"S": message.id},
        "key": {"S": message.key},
        "type": {"S": message.type},
        "text": {"S": message.text},
        "user_id": {"S": message.user.user_id},
        "username": {"S": message.user.username},
        "sent_at": {"N": str(message.sent_at)},
        **({"sender": {"S": message.sender}} if message.sender else {}),
        **({"deletes": {"N": str(message.deletes)}} if message.deletes else {}),
    }


def read_message(room: RoomId, item: Item) -> Numbered:
    """Read a message and its number."""
    return Numbered(
        seq=int(item["sk"]["S"][len("S#") :]),
        epoch=Epoch(item["epoch"]["S"]),
        message=Message(
            id=item["id"]["S"],
            room=room,
            type=cast("MessageType", item["type"]["S"]),
            text=item["text"]["S"],
            user=read_user(item),
            sender=ConnectionId(item["sender"]["S"]) if "sender" in item else None,
            sent_at=int(item["sent_at"]["N"]),
            deletes=int(item["deletes"]["N"]) if "deletes" in item else None,
        ),
    )


def connection_item(connection: Connection) -> Item:
    """Write a connection, which is in no room yet."""
    return {
        **standing(connection),
        **connection_key(connection.id),
        "user_id": {"S": connection.user.user_id},
        "username": {"S": connection.user.username},
        "protocol": {"S": connection.protocol},
        "api_id": {"S": connection.origin.api_id},
        "stage": {"S": connection.origin.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def standing(connection: Connection) -> Item:
    """Write what a connection's token decides: its rights, and when they end."""
    return {
        "rights": {"S": msgspec.json.encode(connection.rights).decode()},
        **end(connection),
    }


def end(connection: Connection) -> Item:
    """Write when a connection's token ends, if it does."""
    return {} if connection.until is None else {"until": {"N": str(connection.until)}}


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
        until=read_until(item),
        muted=read_muted(item),
    )


def user_connection_item(connection: Connection) -> Item:
    """Write a connection's entry with its user."""
    return {
        **user_connection_key(connection.user.user_id, connection.id),
        "api_id": {"S": connection.origin.api_id},
        "stage": {"S": connection.origin.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def read_address(item: Item) -> Address:
    """Read where a connection of a user is reached; an older version kept no `connected_at`."""
    return Address(
        ConnectionId(item["sk"]["S"][len("C#") :]),
        Origin(item["api_id"]["S"], item["stage"]["S"]),
        int(item["connected_at"]["N"]) if "connected_at" in item else 0,
    )


def member_item(room: RoomId, connection: Connection) -> Item:
    """Write a connection's place in a room."""
    return {
        **member_key(room, connection.id),
        **end(connection),
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
        until=read_until(item),
    )


def read_user(item: Item) -> User:
    """Read who a connection, a member or a message belongs to."""
    return User(UserId(item["user_id"]["S"]), item["username"]["S"])


def read_rights(item: Item) -> Rights:
    """Read what a connection may do; one that an older version kept may do what anybody may."""
    return msgspec.json.decode(item["rights"]["S"], type=Rights) if "rights" in item else Rights()


def read_until(item: Item) -> int | None:
    """Read when the token of a connection or a member ends."""
    return int(item["until"]["N"]) if "until" in item else None


def read_rooms(item: Item) -> frozenset[RoomId]:
    """Read the rooms that a connection lists."""
    rooms = item.get("rooms")
    return frozenset(RoomId(room) for room in rooms["SS"]) if rooms else frozenset()


def read_muted(item: Item) -> dict[RoomId, int]:
    """Read in which rooms a connection may not speak, and until when."""
    return {
        RoomId(name.removeprefix(_MUTED)): int(value["N"])
        for name, value in item.items()
        if name.startswith(_MUTED)
    }
