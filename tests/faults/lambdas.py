"""Lambda invocations that a test can hold, resume and kill between any two AWS calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import greenlet

if TYPE_CHECKING:
    from collections.abc import Callable


class Killed(BaseException):
    """The container dies here; nothing of the function runs any more."""


@dataclass(eq=False)
class Invocation:
    """One run of a function, standing between two of its AWS calls.

    Attributes:
        at: the call that it has just made.
        result: what the function returned; None until it has.
        error: what it raised, or `Killed`.
    """

    run: Callable[[], object]
    at: str = "start"
    result: Any = None
    error: BaseException | None = None
    _greenlet: Any = field(init=False)

    def __post_init__(self) -> None:
        self._greenlet = greenlet.greenlet(self._main)

    @property
    def over(self) -> bool:
        """Whether the function has returned, raised or died."""
        return bool(self._greenlet.dead)

    def resume(self, error: BaseException | None = None) -> None:
        """Let it go on to its next AWS call, or let the last one raise."""
        at = self._greenlet.throw(error) if error else self._greenlet.switch()
        self.at = at or "end"

    def finish(self) -> None:
        """Let it run to its end."""
        while not self.over:
            self.resume()

    def _main(self) -> None:
        try:
            self.result = self.run()
        except (Exception, Killed) as error:
            self.error = error


def announce(call: str) -> None:
    """Hold the invocation that runs, if one does, after an AWS call."""
    parent = greenlet.getcurrent().parent
    if parent is not None:
        parent.switch(call)
