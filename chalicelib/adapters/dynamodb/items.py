"""The table's items: their keys, and their attributes as nouns.

| item       | pk                | sk                            | attributes                      |
|------------|-------------------|-------------------------------|---------------------------------|
| connection | C#<id>            | C                             | user_id, username, rooms, …     |
| its place  | C#<id>            | R#<room>, newline, <level>    |                                 |
| its entry  | U#<user>          | C#<id>                        | api_id, stage, connected_at     |
| user       | U#<user>          | T                             | paid, barred_until, asked_at    |
| member     | M#<shard>#<room>  | M#<4 hex of a hash of id><id> | user_id, username, protocol, …  |
| shard      | M#<shard>#<room>  | V                             | version, members, version0, …   |
| head       | R#<room>          | H                             | epoch, seq, version, members, … |
| message    | S#<room>          | S#<seq, 16 digits>            | epoch, id, key, type, text, …   |
| its key    | K#<key>#<room>    | K                             | epoch, seq                      |
| sanction   | B#<user>#<room>   | <ban or mute>                 |                                 |

What many may want at a time has a partition key of its own. The hash makes any slice of a room's
members one `Query … BETWEEN`, so a large room can be split among workers without a member ever
moving. Shards, keys and user ids hold no `#`, so that no two rooms share a partition key. Every
item carries `expires_at`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import msgspec

from chalicelib.core.identity import Rights
from chalicelib.core.model import (
    Address,
    ApiStage,
    Connection,
    ConnectionId,
    Epoch,
    Member,
    Message,
    MessageKey,
    Protocol,
    RoomHead,
    RoomId,
    Sanction,
    SequencedMessage,
    User,
    UserId,
    Wait,
    slot,
)
from chalicelib.core.ports.store import CONNECTION_LIFE
from chalicelib.core.shards import PARTS, ShardState, shard_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.core.model import MessageType
    from chalicelib.core.shards import Shard

    Item = dict[str, AttributeValueTypeDef]

READ_UNIT: Final = 4096
"""Bytes of a read unit.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

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


def place_key(connection_id: ConnectionId, room: RoomId, level: int) -> Item:
    """Return the key of the note that a connection is, or may be, a member at a room's level.

    No name of a room holds a newline.
    """
    return {"pk": {"S": f"C#{connection_id}"}, "sk": {"S": f"R#{room}\n{level}"}}


def read_place(item: Item) -> tuple[RoomId, int]:
    """Read which room a connection is, or may be, in, and at which level."""
    room, _, level = item["sk"]["S"].removeprefix("R#").partition("\n")
    return RoomId(room), int(level)


HEAD: Final[AttributeValueTypeDef] = {"S": "H"}
"""The sort key of every head."""


def head_key(room: RoomId) -> Item:
    """Return the key of a room's head."""
    return {"pk": {"S": f"R#{room}"}, "sk": HEAD}


def members_pk(room: RoomId, shard: Shard) -> str:
    """Return the partition of a shard's members."""
    return f"M#{shard}#{room}"


def shard_key(room: RoomId, shard: Shard) -> Item:
    """Return the key of the item that holds a shard's version; the lowest one's is the head."""
    return {"pk": {"S": members_pk(room, shard)}, "sk": {"S": "V"}}


def read_shard(item: Item) -> ShardState:
    """Read which members a shard has, by version, and how many."""
    return ShardState(
        version=int(item["version"]["N"]),
        members=max(int(item["members"]["N"]), 0),
        parts=tuple(_number(item, part_attribute(part)) for part in range(PARTS)),
    )


def part_attribute(part: int) -> str:
    """Return the attribute of a shard that holds a part's version."""
    return f"version{part}"


def member_key(room: RoomId, connection_id: ConnectionId, level: int) -> Item:
    """Return the key of a connection's member of a room."""
    pk = members_pk(room, shard_of(connection_id, level))
    return {"pk": {"S": pk}, "sk": {"S": f"M#{slot(connection_id):04x}{connection_id}"}}


def sanctions_pk(room: RoomId, user_id: UserId) -> str:
    """Return the partition of a user's sanctions in a room."""
    return f"B#{user_id}#{room}"


def sanction_key(room: RoomId, user_id: UserId, sanction: Sanction) -> Item:
    """Return the key of a sanction."""
    return {"pk": {"S": sanctions_pk(room, user_id)}, "sk": {"S": sanction.value}}


def read_sanction(item: Item) -> tuple[Sanction, int]:
    """Read a sanction, and until when it holds."""
    return Sanction(item["sk"]["S"]), int(item["expires_at"]["N"])


def muted_attribute(digest: bytes) -> str:
    """Return the attribute of a connection that tells until when it may not speak in a room."""
    return f"{_MUTED}{digest.hex()}"


def messages_pk(room: RoomId) -> str:
    """Return the partition of a room's messages."""
    return f"S#{room}"


def seq_key(seq: int) -> str:
    """Return the sort key of a message."""
    return f"S#{seq:016}"


def message_key(room: RoomId, seq: int) -> Item:
    """Return the key of a message."""
    return {"pk": {"S": messages_pk(room)}, "sk": {"S": seq_key(seq)}}


def number_key(room: RoomId, key: MessageKey) -> Item:
    """Return the key of the item that tells a message's number."""
    return {"pk": {"S": f"K#{key}#{room}"}, "sk": {"S": "K"}}


def number_item(numbered: SequencedMessage) -> Item:
    """Write the number of a message's key."""
    message = numbered.message
    return {
        **number_key(message.room, message.key),
        "epoch": {"S": numbered.epoch},
        "seq": {"N": str(numbered.seq)},
    }


def message_item(numbered: SequencedMessage) -> Item:
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


def read_message(room: RoomId, item: Item) -> SequencedMessage:
    """Read a message and its number."""
    return SequencedMessage(
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
        "api_id": {"S": connection.api_stage.api_id},
        "stage": {"S": connection.api_stage.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def connection_expiry(connection: Connection) -> AttributeValueTypeDef:
    """Return when what is kept of a connection expires."""
    return {"N": str(connection.connected_at // 1000 + CONNECTION_LIFE)}


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
        api_stage=ApiStage(item["api_id"]["S"], item["stage"]["S"]),
        digests=frozenset(item["rooms"]["BS"]) if "rooms" in item else frozenset(),
        rights=read_rights(item),
        until=read_until(item),
        mutes=read_mutes(item),
        leaves=_number(item, "leaves"),
    )


def user_connection_item(connection: Connection) -> Item:
    """Write a connection's entry with its user."""
    return {
        **user_connection_key(connection.user.user_id, connection.id),
        "api_id": {"S": connection.api_stage.api_id},
        "stage": {"S": connection.api_stage.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def read_address(item: Item) -> Address:
    """Read where a connection of a user is reached; an older version kept no `connected_at`."""
    return Address(
        ConnectionId(item["sk"]["S"][len("C#") :]),
        ApiStage(item["api_id"]["S"], item["stage"]["S"]),
        int(item["connected_at"]["N"]) if "connected_at" in item else 0,
    )


def member_item(room: RoomId, connection: Connection, level: int) -> Item:
    """Write a connection's member of a room."""
    return {
        **member_key(room, connection.id, level),
        **end(connection),
        "user_id": {"S": connection.user.user_id},
        "username": {"S": connection.user.username},
        "protocol": {"S": connection.protocol},
        "api_id": {"S": connection.api_stage.api_id},
        "stage": {"S": connection.api_stage.stage},
        "connected_at": {"N": str(connection.connected_at)},
    }


def read_head(item: Item) -> RoomHead:
    """Read where a room stands."""
    return RoomHead(
        epoch=Epoch(item["epoch"]["S"]),
        seq=int(item["seq"]["N"]),
        version=int(item["version"]["N"]),
        members=max(int(item["members"]["N"]), 0),
        level=_number(item, "spread"),
        numbering=Wait(_number(item, "waited"), _number(item, "waited_at")),
        signalling=Wait(_number(item, "signals_waited"), _number(item, "signals_waited_at")),
    )


def read_member(item: Item) -> Member:
    """Read a member."""
    return Member(
        id=ConnectionId(item["sk"]["S"][len("M#0000") :]),
        user=read_user(item),
        protocol=Protocol(item["protocol"]["S"]),
        api_stage=ApiStage(item["api_id"]["S"], item["stage"]["S"]),
        connected_at=int(item["connected_at"]["N"]),
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


def read_mutes(item: Item) -> dict[bytes, int]:
    """Read in which rooms a connection may not speak, by digest, and until when."""
    return {
        bytes.fromhex(name.removeprefix(_MUTED)): int(value["N"])
        for name, value in item.items()
        if name.startswith(_MUTED)
    }


def read_units(items: Iterable[Item]) -> int:
    """Return what a strongly consistent Query of these items consumes, one unit at least.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return max(1, -(-sum(map(item_size, items)) // READ_UNIT))


def item_size(item: Item) -> int:
    """Return about how many bytes an item counts for: its names and its values."""
    return sum(len(name) + _value_size(value) for name, value in item.items())


def _value_size(value: AttributeValueTypeDef) -> int:
    if "S" in value:
        return len(value["S"].encode())
    if "N" in value:
        return len(value["N"]) // 2 + 2
    return sum(len(one) for one in value.get("BS", ()))


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
