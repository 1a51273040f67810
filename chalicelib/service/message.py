"""A client sent a frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib import protocol
from chalicelib.errors import Code, FrameError, UnavailableError
from chalicelib.model import LOBBY, Message
from chalicelib.outbox import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.events import GatewayEvent
    from chalicelib.outbox import Outbox
    from chalicelib.posting import Poster
    from chalicelib.store import Store

REPLY_SECONDS: Final = 5.0
"""How long a reply to the sender may take."""


@dataclass(frozen=True)
class Accept:
    """Queues what a client says, or tells it why not."""

    store: Store
    outbox: Outbox
    poster: Callable[[str, str], Poster]
    clock: Callable[[], float]
    new_message_id: Callable[[], str]

    def __call__(self, event: GatewayEvent) -> Code | None:
        """Run the use case for a `$default` event; return the code of the refusal, if any.

        Nothing is raised for what a client does: an exception would become the gateway's own
        "Internal server error" frame, which names no cause and no cure.
        """
        try:
            self._accept(event)
        except FrameError as refusal:
            return self._refuse(event, refusal)
        except UnavailableError:
            return self._refuse(
                event, FrameError(Code.UNAVAILABLE, "The message was not taken; send it again.")
            )
        return None

    def _accept(self, event: GatewayEvent) -> None:
        context = event.request_context
        request = protocol.decode(event.body or "")
        connection = self.store.connection(context.connection_id)
        if connection is None:
            raise FrameError(
                Code.UNKNOWN_CONNECTION, "This connection is not known any more: connect again."
            )
        message = Message(
            id=self.new_message_id(),
            room=LOBBY,
            type=request.type,
            text=request.message,
            user_id=connection.user_id,
            username=connection.username,
            sender=connection.id,
            sent_at=int(self.clock() * 1000),
        )
        self.outbox.publish(Job(message=message, api_id=context.api_id, stage=context.stage))

    def _refuse(self, event: GatewayEvent, refusal: FrameError) -> Code:
        context = event.request_context
        frame = protocol.error_frame(refusal)
        poster = self.poster(context.api_id, context.stage)
        poster.post([(context.connection_id, frame)], time.monotonic() + REPLY_SECONDS)
        return refusal.code
