"""Rate limits of connections and users in the DynamoDB table."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.calls import ConditionFailedError, Table, number
from chalicelib.adapters.dynamodb.items import (
    account_key,
    connection_key,
    read_address,
    read_connection,
)
from chalicelib.core.ports.rate_limits import Account, Charge
from chalicelib.core.ports.store import CONNECTION_LIFE

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

    from chalicelib.adapters.dynamodb.items import Item
    from chalicelib.core.model import Address, ConnectionId, UserId


class DynamoRateLimits(Table):
    """The books: attributes of the connections' items, and an item of each user who has one."""

    def __init__(self, client: DynamoDBClient, table: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._clock = clock

    def admit(self, connection_id: ConnectionId, price: int, start: int) -> Charge | None:
        """See `RateLimitStore.admit`."""
        try:
            with self._available():
                item = self._client.update_item(
                    TableName=self._table,
                    Key=connection_key(connection_id),
                    UpdateExpression="SET paid = if_not_exists(paid, :start) + :price",
                    # An update would make an item of a connection that has been forgotten.
                    ConditionExpression="attribute_exists(pk)",
                    ExpressionAttributeValues={":start": number(start), ":price": number(price)},
                    ReturnValues="ALL_NEW",
                )["Attributes"]
        except ConditionFailedError:
            return None
        if self._expired(item):
            return None
        return Charge(
            connection=read_connection(connection_id, item),
            arrival_time=int(item["paid"]["N"]),
            answered=_optional_number(item, "answered"),
        )

    def charge(self, user_id: UserId, price: int, start: int) -> int:
        """See `RateLimitStore.charge`."""
        with self._available():
            item = self._client.update_item(
                TableName=self._table,
                Key=account_key(user_id),
                UpdateExpression=(
                    "SET paid = if_not_exists(paid, :start) + :price, expires_at = :expires_at"
                ),
                ExpressionAttributeValues={
                    ":start": number(start),
                    ":price": number(price),
                    ":expires_at": self._account_expiry(),
                },
                ReturnValues="UPDATED_NEW",
            )["Attributes"]
        return int(item["paid"]["N"])

    def raise_arrival_time(self, connection_id: ConnectionId, arrival_time: int) -> None:
        """See `RateLimitStore.raise_arrival_time`."""
        self._settle(connection_key(connection_id), arrival_time)

    def raise_user_arrival_time(self, user_id: UserId, arrival_time: int) -> None:
        """See `RateLimitStore.raise_user_arrival_time`."""
        self._settle(account_key(user_id), arrival_time)

    def claim_refusal(self, connection_id: ConnectionId, answered: int, now: int) -> bool:
        """See `RateLimitStore.claim_refusal`."""
        never = "attribute_not_exists(answered)"
        try:
            with self._available():
                self._client.update_item(
                    TableName=self._table,
                    Key=connection_key(connection_id),
                    UpdateExpression="SET answered = :now",
                    ConditionExpression=(
                        f"attribute_exists(pk) AND ({never} OR answered = :answered)"
                    ),
                    ExpressionAttributeValues={
                        ":now": number(now),
                        ":answered": number(answered),
                    },
                )
        except ConditionFailedError:
            return False
        return True

    def account(self, user_id: UserId) -> Account:
        """See `RateLimitStore.account`."""
        addresses: list[Address] = []
        own: Item = {}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :user",
            ExpressionAttributeValues={":user": account_key(user_id)["pk"]},
            ConsistentRead=True,
        )
        with self._available():
            items = [item for page in pages for item in page["Items"] if not self._expired(item)]
        for item in items:
            if item["sk"] != account_key(user_id)["sk"]:
                addresses.append(read_address(item))
            else:
                own = item
        return Account(
            tuple(addresses),
            _optional_number(own, "barred_until"),
            _optional_number(own, "asked_at"),
        )

    def claim_inquiry(self, user_id: UserId, asked_at: int, now: int) -> bool:
        """See `RateLimitStore.claim_inquiry`."""
        try:
            with self._available():
                self._client.update_item(
                    TableName=self._table,
                    Key=account_key(user_id),
                    UpdateExpression="SET asked_at = :now, expires_at = :expires_at",
                    ConditionExpression="attribute_not_exists(asked_at) OR asked_at = :asked_at",
                    ExpressionAttributeValues={
                        ":now": number(now),
                        ":asked_at": number(asked_at),
                        ":expires_at": self._account_expiry(),
                    },
                )
        except ConditionFailedError:
            return False
        return True

    def block_user(self, user_id: UserId, until: int) -> None:
        """See `RateLimitStore.block_user`."""
        with self._available():
            self._client.update_item(
                TableName=self._table,
                Key=account_key(user_id),
                UpdateExpression="SET barred_until = :until, expires_at = :expires_at",
                ExpressionAttributeValues={
                    ":until": number(until),
                    ":expires_at": self._account_expiry(),
                },
            )

    def _settle(self, key: Item, arrival_time: int) -> None:
        with suppress(ConditionFailedError), self._available():
            self._client.update_item(
                TableName=self._table,
                Key=key,
                UpdateExpression="SET paid = :paid",
                # False too where there is nothing: what has been forgotten stays so.
                ConditionExpression="paid < :paid",
                ExpressionAttributeValues={":paid": number(arrival_time)},
            )

    def _account_expiry(self) -> AttributeValueTypeDef:
        return number(int(self._clock()) + CONNECTION_LIFE)


def _optional_number(item: Item, name: str) -> int:
    """Read a number; 0 where there is none."""
    return int(item[name]["N"]) if name in item else 0
