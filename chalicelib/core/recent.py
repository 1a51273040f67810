"""Bounded cache that drops the entry noted longest ago."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(OrderedDict[Key, Value], Generic[Key, Value]):
    """Values by key, up to a number of them: the one noted longest ago is forgotten first.

    Not for several threads at once.
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def note(self, key: Key, value: Value) -> None:
        """Keep a value as the newest one."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)
