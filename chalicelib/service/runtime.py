"""Runtime: the clock, ids and meter that the use cases of a container share."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.ports.meter import Meter


def unique_id() -> str:
    """Return 32 hexadecimal digits that nobody has had before."""
    return uuid.uuid4().hex


class Runtime(Record, frozen=True):
    """Everything that a use case takes from its process, so that a test may set it.

    Attributes:
        meter: counts and notes for the invocation at hand.
        clock: tells the time, in seconds since 1970.
        new_id: makes an id for a message, a notice or a job.
        sleep: waits for so many seconds.
    """

    meter: Meter
    clock: Callable[[], float] = time.time
    new_id: Callable[[], str] = unique_id
    sleep: Callable[[float], None] = time.sleep
