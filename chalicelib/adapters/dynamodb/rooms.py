"""Rooms in the DynamoDB table: their heads, messages, and the numbers of message keys."""

from __future__ import annotations

import secrets
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from chalicelib.adapters.dynamodb.calls import ConditionFailedError, Table, number
from chalicelib.adapters.dynamodb.items import (
    HEAD,
    head_key,
    item_size,
    message_item,
    message_key,
    messages_pk,
    number_item,
    number_key,
    read_head,
    read_message,
    read_units,
    seq_key,
)
from chalicelib.core.model import Epoch, MessageKey, RoomHead
from chalicelib.core.ports.store import HEAD_LIFE, HISTORY_LIFE, MeteredRead
from chalicelib.core.protocol import FRAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, WriteRequestTypeDef

    from chalicelib.adapters.dynamodb.items import Item
    from chalicelib.core.model import RoomId, SequencedMessage, Wait

FIRST_READ: Final = 2
GROWTH: Final = 4
"""Messages that the first Query of a page reads, and by how much each further one may read more.

A Query is charged for all that it reads, and can't be told to stop at so many bytes. Few messages
tell how long they are, and how many more an answer can take.
"""


class DynamoRooms(Table):
    """Rooms' heads, messages and keys, each room's spread over partitions by what they are."""

    def head(self, room: RoomId, *, consistent: bool = True) -> RoomHead:
        """See `Store.head`.

        An expired head counts until the table deletes it: all of its messages have expired before.
        """
        item = self._get(head_key(room), consistent=consistent)
        return read_head(item) if item else _new_head()

    def numbers(
        self, room: RoomId, keys: Collection[MessageKey]
    ) -> tuple[RoomHead, dict[MessageKey, int]]:
        """See `Store.numbers`.

        One BatchGetItem reads the head and the keys. A worker that died before it moved the head
        has left keys and messages behind, and the numbers may since have gone to others: so a key
        that is found counts only if the message under its number has it.
        """
        of = {number_key(room, key)["pk"]["S"]: key for key in keys}
        items = self._get_all([head_key(room), *(number_key(room, key) for key in of.values())])
        head = head_among(items) or _new_head()
        claims: defaultdict[int, set[str]] = defaultdict(set)
        for item in items:
            key = of.get(item["pk"]["S"])
            if key and item["epoch"]["S"] == head.epoch and not self._expired(item):
                claims[int(item["seq"]["N"])].add(key)
        kept = self._get_all([message_key(room, seq) for seq in claims if seq <= head.seq])
        return head, {
            MessageKey(item["key"]["S"]): read_message(room, item).seq
            for item in kept
            if item["epoch"]["S"] == head.epoch
            and item["key"]["S"] in claims[read_message(room, item).seq]
        }

    def append(self, messages: Sequence[SequencedMessage]) -> None:
        """See `Store.append`."""
        expires_at: Item = {"expires_at": {"N": str(int(self._clock()) + HISTORY_LIFE)}}
        requests: list[WriteRequestTypeDef] = [
            {"PutRequest": {"Item": {**item, **expires_at}}}
            for message in messages
            for item in (message_item(message), number_item(message))
        ]
        self._write(requests)

    def advance(self, room: RoomId, before: RoomHead, after: RoomHead) -> RoomHead | None:
        """See `Store.advance`."""
        unmoved = "(epoch = :epoch AND seq = :before)"
        no_head = "attribute_not_exists(epoch)"
        try:
            with self._available():
                item = self._client.update_item(
                    TableName=self._table,
                    Key=head_key(room),
                    UpdateExpression=(
                        "SET epoch = :epoch, seq = :after, expires_at = :expires_at,"
                        " waited = :waited, waited_at = :waited_at"
                        " ADD version :zero, members :zero"
                    ),
                    ConditionExpression=f"{unmoved} OR {no_head}" if not before.seq else unmoved,
                    ExpressionAttributeValues={
                        ":epoch": {"S": before.epoch},
                        ":before": number(before.seq),
                        ":after": number(after.seq),
                        ":waited": number(after.numbering.longest),
                        ":waited_at": number(after.numbering.seen_at),
                        ":expires_at": self._head_expiry(),
                        ":zero": number(0),
                    },
                    ReturnValues="ALL_NEW",
                )["Attributes"]
        except ConditionFailedError:
            return None
        return read_head(item)

    def note_signals(self, room: RoomId, wait: Wait) -> None:
        """See `Store.note_signals`."""
        self._set(
            head_key(room),
            {
                "signals_waited": number(wait.longest),
                "signals_waited_at": number(wait.seen_at),
            },
        )

    def messages(
        self,
        room: RoomId,
        epoch: Epoch,
        *,
        above: int,
        below: int,
        limit: int,
        newest_first: bool = False,
    ) -> MeteredRead[SequencedMessage]:
        """See `Store.messages`."""
        return MeteredRead(self._pages(room, epoch, above, below, limit, newest_first=newest_first))

    def _pages(
        self, room: RoomId, epoch: Epoch, above: int, below: int, limit: int, *, newest_first: bool
    ) -> Iterator[tuple[list[SequencedMessage], int]]:
        count, seen, size = FIRST_READ, 0, 0
        while below - above > 1 and limit > 0:
            count = min(count, limit)
            items = self._between(room, above, below, count, newest_first=newest_first)
            found = self._kept(room, epoch, items)
            yield found, read_units(items)
            if len(items) < count:
                return
            last = _seq(items[-1])
            above, below = (above, last) if newest_first else (last, below)
            if not found:
                if newest_first:
                    return  # Older ones have expired before.
                above, units = self._skip_expired(room, epoch, above, below)
                yield [], units
                continue
            limit -= len(found)
            seen += count
            size += sum(map(item_size, items))
            fits = (FRAME_LIMIT - size) * seen // size
            count = max(1, min(count * GROWTH, fits))

    def _skip_expired(self, room: RoomId, epoch: Epoch, above: int, below: int) -> tuple[int, int]:
        """Return the number of the last message that is not kept, and the units of the search.

        Messages expire in the order of their numbers, but the table may take days to delete them:
        halving the range finds the first of those that are kept in few reads.
        """
        units = 0
        while below - above > 1:
            middle = (above + below) // 2
            items = self._between(room, middle - 1, below, 1)
            units += read_units(items)
            if items and not self._kept(room, epoch, items):
                above = _seq(items[0])
            else:
                below = middle
        return above, units

    def _between(
        self, room: RoomId, above: int, below: int, count: int, *, newest_first: bool = False
    ) -> list[Item]:
        """Read a room's first or last few messages between two numbers, expired ones included."""
        with self._available():
            return self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": {"S": messages_pk(room)},
                    ":first": {"S": seq_key(above + 1)},
                    ":last": {"S": seq_key(below - 1)},
                },
                ScanIndexForward=not newest_first,
                ConsistentRead=True,
                Limit=count,
            )["Items"]

    def _kept(self, room: RoomId, epoch: Epoch, items: Iterable[Item]) -> list[SequencedMessage]:
        alive = [item for item in items if not self._expired(item)]
        return [read_message(room, item) for item in alive if item["epoch"]["S"] == epoch]

    def erase(self, room: RoomId, epoch: Epoch, seq: int) -> None:
        """See `Store.erase`."""
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=message_key(room, seq),
                UpdateExpression="SET #text = :nothing, #type = :deleted",
                ConditionExpression="epoch = :epoch AND #type = :chat",
                ExpressionAttributeNames={"#text": "text", "#type": "type"},
                ExpressionAttributeValues={
                    ":nothing": {"S": ""},
                    ":deleted": {"S": "deleted"},
                    ":chat": {"S": "chat"},
                    ":epoch": {"S": epoch},
                },
            )

    def _head_expiry(self) -> AttributeValueTypeDef:
        return number(int(self._clock()) + HEAD_LIFE)


def head_among(items: Iterable[Item]) -> RoomHead | None:
    """Return the head that is among the items of a BatchGetItem, if there is one."""
    return next((read_head(item) for item in items if item["sk"] == HEAD), None)


def _seq(item: Item) -> int:
    return int(item["sk"]["S"][len("S#") :])


def _new_head() -> RoomHead:
    return RoomHead(Epoch(secrets.token_urlsafe(6)))
