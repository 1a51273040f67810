"""Calls of the table, with what they fail with as the project's own errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConditionFailedError(Exception):
    """A conditional write was refused; `item` is what stands there, if it was asked for."""

    def __init__(self, item: object) -> None:
        super().__init__()
        self.item = item


@contextmanager
def available(table: str) -> Iterator[None]:
    """Translate what calls in the block raise.

    Raises:
        ConditionFailedError: the condition of a write does not hold.
        UnavailableError: the table can't be reached, or throttles.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise ConditionFailedError(error.response.get("Item")) from error
        raise UnavailableError(f"The table {table} did not answer: {error}") from error
    except BotoCoreError as error:
        raise UnavailableError(f"The table {table} did not answer: {error}") from error
