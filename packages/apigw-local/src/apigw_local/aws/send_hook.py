"""How a mapping hears of a message in the moment this process sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apigw_local.aws.botocore_hooks import Hook

if TYPE_CHECKING:
    from collections.abc import Callable


class Doorbell(Hook):
    """Rings after each message that this process sends to a queue, whatever client sends it.

    The mapping sees what other processes send a little later.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__(
            lambda **_: ring(), "after-call.sqs.SendMessage", "after-call.sqs.SendMessageBatch"
        )
