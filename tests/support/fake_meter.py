"""A meter that keeps what it is told, for tests to look at."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.core.ports.meter import Metric


class FakeMeter:
    """See `Meter`.

    Attributes:
        values: what was counted, value by value.
        codes: the codes of what was refused, in order.
        fields: what was noted.
        swallowed: the tasks that were left undone, in order.
    """

    def __init__(self) -> None:
        self.values: defaultdict[Metric, list[float]] = defaultdict(list)
        self.codes: list[str] = []
        self.fields: dict[str, str | int | float | None] = {}
        self.swallowed: list[str] = []

    def count(self, metric: Metric, value: float = 1, *, code: str | None = None) -> None:
        """Keep a value."""
        self.values[metric].append(value)
        if code is not None:
            self.codes.append(code)

    def note(self, **fields: str | int | float | None) -> None:
        """Keep fields."""
        self.fields |= fields

    def swallow(self, task: str, error: Exception) -> None:  # noqa: ARG002 - the port's signature
        """Keep the task."""
        self.swallowed.append(task)
