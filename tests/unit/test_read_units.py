"""Read units: the sums that members pay for what they read of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.adapters.dynamodb.items import read_units
from chalicelib.core.ports.store import MeteredRead

if TYPE_CHECKING:
    from chalicelib.adapters.dynamodb.items import Item

ITEM: Item = {"text": {"S": "x" * (4096 - len("text"))}}


def test_a_read_takes_a_unit_for_each_4_kb_and_one_at_least() -> None:
    """A query of nothing takes one, of 4 KB one, and of a byte more two."""
    reads: list[list[Item]] = [[], [ITEM], [ITEM, {"a": {"S": ""}}]]
    assert list(map(read_units, reads)) == [1, 1, 2]


def test_a_read_counts_the_pages_that_were_asked_for() -> None:
    """Units of a page are counted as its first item is taken, and of later pages not before."""
    read = MeteredRead(iter([("ab", 2), ("", 1), ("c", 3)]))
    counted = [(next(read), read.units) for _ in range(3)]
    assert counted == [("a", 2), ("b", 2), ("c", 6)]
