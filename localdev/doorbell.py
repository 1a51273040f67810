"""How a mapping hears of a message in the moment this process sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.hooks import BaseEventHooks
    from botocore.session import Session


class Doorbell:
    """Rings after each message that this process sends to a queue, whatever client sends it.

    It reaches the clients of sessions made after `fit`; the mapping sees what others send a
    little later.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring

    def fit(self) -> None:
        """Listen on every AWS session made from now on."""
        botocore.register_initializer(self._listen_to_session)

    def remove(self) -> None:
        """Listen on no further sessions."""
        botocore.unregister_initializer(self._listen_to_session)

    def listen(self, events: BaseEventHooks) -> None:
        """Listen on one client (its `meta.events`) or session."""
        events.register("after-call.sqs.SendMessage", self._sent)
        events.register("after-call.sqs.SendMessageBatch", self._sent)

    def _listen_to_session(self, session: Session) -> None:
        self.listen(session.get_component("event_emitter"))

    def _sent(self, **_: Any) -> None:
        self._ring()
