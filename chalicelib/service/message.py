"""A client sent a frame."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chalicelib import protocol
from chalicelib.errors import Code, FrameError, UnavailableError, unknown_connection
from chalicelib.meter import Metric
from chalicelib.model import Origin, Protocol
from chalicelib.protocol import Join, Leave, Ping, ReadHistory, Say, Signal, Who

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.events import GatewayEvent
    from chalicelib.meter import Meter
    from chalicelib.model import Connection
    from chalicelib.posting import Poster
    from chalicelib.protocol import Frame, Request
    from chalicelib.service.membership import Membership
    from chalicelib.service.reading import Reading
    from chalicelib.service.saying import Saying
    from chalicelib.store import Store

REPLY_SECONDS: Final = 5.0
"""How long a reply to the sender may take."""


@dataclass(frozen=True)
class Receive:
    """Hands each frame to what its action is for, and answers its sender."""

    store: Store
    poster: Callable[[Origin], Poster]
    saying: Saying
    membership: Membership
    reading: Reading
    meter: Meter

    def __call__(self, event: GatewayEvent) -> Code | None:
        """Run the use case for a `$default` event; return the code of the refusal, if any.

        Nothing is raised for what a client does: an exception would become the gateway's own
        "Internal server error" frame, which names no cause and no cure.
        """
        body = event.body or ""
        try:
            answer = self._answer(event, body)
        except FrameError as refusal:
            return self._refuse(event, refusal)
        except UnavailableError as error:
            self.meter.note(reason=str(error))
            return self._refuse(
                event, FrameError(Code.UNAVAILABLE, "This could not be done now; send it again.")
            )
        if answer:
            self._post(event, answer)
        return None

    def _answer(self, event: GatewayEvent, body: str) -> Frame | None:
        request = protocol.decode(body)
        self.meter.note(action=protocol.action(request), room=getattr(request, "room", None))
        connection = self.store.connection(event.request_context.connection_id)
        if connection is None:
            raise unknown_connection()
        if connection.protocol is Protocol.PLAIN and not isinstance(request, Say):
            raise protocol.unknown_action(protocol.action(request), ["message"])
        return self._perform(connection, request)

    def _perform(self, connection: Connection, request: Request) -> Frame | None:
        match request:
            case Say():
                return self.saying.say(connection, request)
            case Signal():
                self.saying.signal(connection, request)
                return None
            case Join():
                return self.membership.join(connection, request)
            case Leave():
                return self.membership.leave(connection, request)
            case ReadHistory():
                return self.reading.history(connection, request)
            case Who():
                return self.reading.who(connection, request)
            case Ping():
                return self.reading.ping(connection, request)

    def _refuse(self, event: GatewayEvent, refusal: FrameError) -> Code:
        self.meter.count(Metric.FRAMES_REFUSED, code=refusal.code)
        self._post(event, protocol.error_frame(refusal, event.body or ""))
        return refusal.code

    def _post(self, event: GatewayEvent, frame: Frame) -> None:
        context = event.request_context
        self.poster(Origin(context.api_id, context.stage)).post(
            [(context.connection_id, protocol.encode(frame))], time.monotonic() + REPLY_SECONDS
        )
