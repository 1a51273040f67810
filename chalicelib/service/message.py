"""Message: the handler of `$default`, which hands each frame to its use case."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from chalicelib.core import protocol
from chalicelib.core.errors import FrameError, UnansweredError, UnavailableError, unavailable
from chalicelib.core.model import ApiStage, Protocol
from chalicelib.core.ports.meter import Metric
from chalicelib.core.protocol.requests import (
    Join,
    Leave,
    Ping,
    ReadHistory,
    Renew,
    Say,
    Signal,
    Who,
)
from chalicelib.core.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.core.errors import Code
    from chalicelib.core.events import GatewayEvent
    from chalicelib.core.model import Connection
    from chalicelib.core.ports.meter import Meter
    from chalicelib.core.ports.poster import Poster
    from chalicelib.core.protocol import Frame
    from chalicelib.core.protocol.requests import RoomRequest
    from chalicelib.service.connections import ConnectionCloser
    from chalicelib.service.history import RoomReader
    from chalicelib.service.membership import Membership
    from chalicelib.service.moderation import Moderation
    from chalicelib.service.rate_limiter import RateLimiter
    from chalicelib.service.sending import MessageSender
    from chalicelib.service.tokens import TokenRenewal

REPLY_SECONDS: Final = 5.0
"""Timeout of a reply to the sender, in seconds."""


class MessageHandler(Record, frozen=True):
    """Decodes and charges each frame, calls its use case, and replies to the sender."""

    rate_limiter: RateLimiter
    poster: Callable[[ApiStage], Poster]
    message_sender: MessageSender
    membership: Membership
    room_reader: RoomReader
    token_renewal: TokenRenewal
    moderation: Moderation
    closer: ConnectionCloser
    meter: Meter

    def handle(self, event: GatewayEvent) -> Code | None:
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
            return self._refuse(event, unavailable())
        self._post(event, answer)
        return None

    def _answer(self, event: GatewayEvent, body: str) -> list[Frame]:
        sender = event.request_context.connection_id
        try:
            request = protocol.decode(body, self.rate_limiter.limits.bounds)
        except FrameError:
            # What can't be read is to be paid for as well.
            self.rate_limiter.admit(sender, None)
            raise
        self.meter.note(action=protocol.action(request), room=getattr(request, "room", None))
        connection = self.rate_limiter.admit(sender, request)
        if connection.protocol is Protocol.PLAIN and not isinstance(request, Say):
            raise protocol.unknown_action(protocol.action(request), ["message"])
        self.token_renewal.require_time(connection, request)
        if isinstance(request, Renew):
            return self.token_renewal.renew(connection, request)
        answers = [self._perform(connection, request), self.token_renewal.warning(connection)]
        return [answer for answer in answers if answer]

    def _perform(self, connection: Connection, request: RoomRequest) -> Frame | None:
        match request:
            case Say():
                return self.message_sender.say(connection, request)
            case Signal():
                self.message_sender.signal(connection, request)
                return None
            case Join():
                return self.membership.join(connection, request)
            case Leave():
                return self.membership.leave(connection, request)
            case ReadHistory():
                return self.room_reader.history(connection, request)
            case Who():
                return self.room_reader.who(connection, request)
            case Ping():
                return self.room_reader.ping(connection, request)
            case _:
                return self.moderation.moderate(connection, request)

    def _refuse(self, event: GatewayEvent, refusal: FrameError) -> Code:
        self.meter.count(Metric.FRAMES_REFUSED, code=refusal.code)
        if not isinstance(refusal, UnansweredError):
            self._post(event, [protocol.error_frame(refusal, event.body or "")])
        if refusal.closes:
            self.closer.close_and_forget(event.request_context.connection_id, _api_stage(event))
        return refusal.code

    def _post(self, event: GatewayEvent, frames: list[Frame]) -> None:
        receiver = event.request_context.connection_id
        texts = protocol.pack(protocol.encode(frame) for frame in frames)
        posts = [(receiver, text) for text in texts]
        if posts:
            self.poster(_api_stage(event)).post(posts, time.monotonic() + REPLY_SECONDS)


def _api_stage(event: GatewayEvent) -> ApiStage:
    return ApiStage(event.request_context.api_id, event.request_context.stage)
