"""Open WebSocket: messages in, posts out, close and ``$disconnect``."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from apigw_local.console import hints
from apigw_local.gateway.api import Api
from apigw_local.gateway.events import Client
from apigw_local.gateway.lambda_proxy import IntegrationTimeoutError, handle_message, integrate
from apigw_local.gateway.routing import DISCONNECT
from apigw_local.lambda_.invocation import FunctionError

# The library logs every closed connection; the gateway's own lines say more.
_protocol_log = logging.getLogger("apigw_local.gateway.protocol")
_protocol_log.setLevel(logging.WARNING)


class _UnacceptableError(Exception):
    """Input of a client that closes its connection."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocketConnection(asyncio.Protocol):
    """WebSocket connection of a client, from the 101 to its end.

    It belongs to the gateway's event loop: no method may be called from another thread.

    Attributes:
        id: The connection id.
        client: The connected client.
    """

    def __init__(self, api: Api, client: Client, transport: asyncio.Transport) -> None:
        self.id = client.connection_id
        self.client = client
        self._api = api
        self._transport = transport
        self._websocket = ServerProtocol(
            state=OPEN,
            max_size=(api.quotas.message_bytes, api.quotas.frame_bytes),
            logger=_protocol_log,
        )
        self._loop = asyncio.get_running_loop()
        self._opened = self._active = self._loop.time()
        self._fragments = bytearray()
        self._full = False

    def open(self, answer: bytes, early: bytes) -> None:
        """Take over the TCP connection.

        Args:
            answer: The 101 to send.
            early: The client's bytes after its request.
        """
        self._api.connections[self.id] = self
        self._timer = self._loop.call_soon(self._watch)
        if self._transport.is_closing():
            # $connect has said yes, so the connection existed, if only for the functions.
            self.connection_lost(None)
            return
        self._transport.set_write_buffer_limits(high=self._api.quotas.buffer_bytes)
        self._transport.set_protocol(self)
        self._transport.write(answer)
        self._transport.resume_reading()
        if early:
            self.data_received(early)

    # The client's side.

    def data_received(self, data: bytes) -> None:
        """Handle the frames that are complete, up to the first unacceptable one."""
        self._websocket.receive_data(data)
        frames = self._websocket.events_received()
        if self.is_open:
            try:
                for frame in frames:
                    self._receive(cast("Frame", frame))
            except _UnacceptableError as error:
                self._websocket.fail(error.code, error.reason)
        self._flush()

    def eof_received(self) -> None:
        """Note that the client left, without a close frame if it was still open."""
        self._websocket.receive_eof()
        self._flush()
        self._end(CloseCode.ABNORMAL_CLOSURE, "")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Note that TCP failed, or that a closed connection is now gone."""
        self._api.transports.discard(self._transport)
        self._end(CloseCode.ABNORMAL_CLOSURE, "")
        self._timer.cancel()

    def pause_writing(self) -> None:
        """Refuse posts to a client that does not read, and do not read from it either.

        Answers to its pings would fill memory.
        """
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the client has caught up."""
        self._full = False
        self._transport.resume_reading()

    # The gateway's side.

    @property
    def is_open(self) -> bool:
        """True while messages pass, in either direction."""
        return self._api.connections.get(self.id) is self

    @property
    def last_active(self) -> float:
        """Time of the last message in either direction, in seconds since 1970."""
        return time.time() - (self._loop.time() - self._active)

    def send(self, text: bytes) -> bool:
        """Send a text message; False, and nothing sent, if the client's buffer is full."""
        if self._full:
            return False
        self._active = self._loop.time()
        self._websocket.send_text(text)
        self._flush()
        return True

    def close(self, code: int, reason: str) -> None:
        """Close an open connection."""
        self._websocket.send_close(code, reason)
        self._flush()

    def _receive(self, frame: Frame) -> None:
        if frame.opcode is Opcode.BINARY:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-binary-media-types.html
            self._api.activity_log.hint(hints.BINARY_FRAME)
            raise _UnacceptableError(CloseCode.UNSUPPORTED_DATA, "Binary frames are not supported")
        # Reports contradict each other on whether a ping counts as activity; here it does not.
        if frame.opcode in {Opcode.TEXT, Opcode.CONT}:
            self._active = self._loop.time()
            self._fragments += frame.data
            if frame.fin:
                self._receive_message()

    def _receive_message(self) -> None:
        try:
            body = self._fragments.decode()
        except UnicodeDecodeError:
            raise _UnacceptableError(CloseCode.INVALID_DATA, "Text must be UTF-8") from None
        # Inferred: nothing promises an order, so messages of one connection run side by side.
        self._api.spawn(self._handle_message(body))
        self._fragments = bytearray()

    async def _handle_message(self, body: str) -> None:
        frame = await handle_message(self._api, self.client, body)
        if frame is not None and self.is_open:
            self.send(frame.encode())

    async def _disconnect(self, code: int, reason: str) -> None:
        self._api.activity_log.close(self.id, code, reason)
        if self._api.faults.loses_disconnect(self.id):
            self._api.activity_log.lose_disconnect(self.id)
            return
        if delay := self._api.faults.disconnect_delay():
            await self._api.pause(delay)
        route = self._api.routes.get(DISCONNECT)
        if route is None:
            return
        event = self._api.events.disconnect(self.client, code, reason)
        started = time.monotonic()
        failed = False
        try:
            await integrate(route.function, event, self._api.quotas.integration_seconds)
        except (FunctionError, IntegrationTimeoutError):
            # Nobody is left to be told; the function's own log has the traceback.
            failed = True
            self._api.activity_log.hint(hints.DISCONNECT_FAILED)
        self._api.activity_log.invocation(
            "disconnect", event, route.function, failed=failed, started=started
        )

    def _flush(self) -> None:
        for data in self._websocket.data_to_send():
            if data:
                self._transport.write(data)
            else:
                # A reset connection can't be shut down; asyncio would end it an iteration later, in
                # which a post would meet a connection that is listed and closed.
                with suppress(OSError):
                    self._transport.write_eof()
        close = self._websocket.close_rcvd or self._websocket.close_sent
        if close is not None:
            self._end(close.code, close.reason)

    def _end(self, code: int, reason: str) -> None:
        """Run ``$disconnect``, once, and see that the TCP connection ends too."""
        if self._api.connections.pop(self.id, None) is None:
            return
        if code == CloseCode.NO_STATUS_RCVD:
            reason = "Client-side close frame status not set"
        elif code == CloseCode.MESSAGE_TOO_BIG and self._websocket.parser_exc:
            self._api.activity_log.hint(hints.too_big(self._api.quotas.frame_bytes))
        self._api.spawn(self._disconnect(code, reason))
        self._timer.cancel()
        self._timer = self._loop.call_later(self._api.quotas.closing_seconds, self._transport.abort)

    def _watch(self) -> None:
        """Close the connection when it has been idle or open for too long."""
        quotas = self._api.quotas
        deadline = min(self._active + quotas.idle_seconds, self._opened + quotas.lifetime_seconds)
        if self._loop.time() >= deadline:
            # Inferred: that $disconnect reports the same code and reason.
            self.close(CloseCode.GOING_AWAY, "Going away")
        else:
            self._timer = self._loop.call_at(deadline, self._watch)
