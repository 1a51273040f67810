"""HTTP on a TCP connection: calls of ``@connections``, upgrades, the status page."""

import asyncio
import socket
import struct
from hashlib import sha256
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from apigw_local.gateway import status
from apigw_local.gateway.api import Api
from apigw_local.gateway.connection import WebSocketConnection
from apigw_local.gateway.handshake import shake_hands
from apigw_local.gateway.http import HttpRequest, refusal
from apigw_local.gateway.management import SEGMENT, manage

# SO_LINGER on, for no time: closing then sends RST.
_RESET = struct.pack("ii", 1, 0)


class HttpServerProtocol(asyncio.Protocol):
    """HTTP/1.1 server of one TCP connection, which answers its requests in order.

    An upgrade that succeeds hands the TCP connection over to a `WebSocketConnection`.
    The ``on_…`` methods are called by httptools.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._early = b""
        self._busy = False  # with the last request of this TCP connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._api.transports.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """End; an upgrade under way finds its transport closed."""
        self._api.transports.discard(self._transport)

    def pause_writing(self) -> None:
        """Take no more requests from a client that does not read the answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Take requests again."""
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Parse, which calls the methods below."""
        if self._busy:
            # Frames may come before the 101, although no client should send them.
            self._early += data
            self._transport.pause_reading()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._early = data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError:
            raise  # a bug in one of those methods
        except httptools.HttpParserError:
            self._refuse(refusal(HTTPStatus.BAD_REQUEST))

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = b""
        self._body_hash = sha256()

    def on_url(self, target: bytes) -> None:
        """Take a part of the request's target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, spelt as sent."""
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, but not much more than is allowed."""
        self._body_hash.update(body)
        if len(self._body) <= self._api.quotas.post_bytes:
            self._body += body

    def on_message_complete(self) -> None:
        """Answer the request, or start on its upgrade."""
        target = self._target.decode("latin-1")
        path, _, _ = target.partition("?")
        segments = [unquote(segment) for segment in path.split("/")[1:]]
        method = self._parser.get_method().decode()
        if status.SEGMENTS.intersection(segments[:1]):
            self._busy = True
            self._api.spawn(self._show_status(self._call(method, segments)))
        elif SEGMENT in segments and not self._parser.should_upgrade():
            answer = manage(self._api, self._call(method, segments))
            self._answer(answer, keep_alive=self._parser.should_keep_alive())
        elif obstacle := self._obstacle(path):
            self._api.activity_log.refuse(obstacle, path)
            self._refuse(refusal(obstacle))
        else:
            self._busy = True
            headers = Headers((n.decode("latin-1"), v.decode("latin-1")) for n, v in self._headers)
            version = f"HTTP/{self._parser.get_http_version()}"
            self._api.spawn(self._upgrade(Request(target, headers, method, version)))

    def _call(self, method: str, segments: list[str]) -> HttpRequest:
        headers = {n.lower().decode("latin-1"): v.decode("latin-1") for n, v in self._headers}
        digest = self._body_hash.hexdigest()
        return HttpRequest(method, self._target, segments, headers, self._body, digest)

    def _answer(self, response: Response | None, *, keep_alive: bool) -> None:
        """Answer a call of ``@connections``, after the injected latency if there is any."""
        if latency := self._api.faults.settings.post_latency_seconds:
            self._api.spawn(self._answer_late(latency, response, keep_alive=keep_alive))
        else:
            self._finish(response, keep_alive=keep_alive)

    async def _answer_late(
        self, seconds: float, response: Response | None, *, keep_alive: bool
    ) -> None:
        await self._api.pause(seconds)
        self._finish(response, keep_alive=keep_alive)

    def _finish(self, response: Response | None, *, keep_alive: bool) -> None:
        """Write a response, or reset the TCP connection in place of one."""
        if self._transport.is_closing():
            return
        if response is None:
            self._transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET
            )
            self._transport.abort()
            return
        self._transport.write(response.serialize())
        if not keep_alive:
            self._transport.close()

    def _obstacle(self, path: str) -> HTTPStatus | None:
        """Return the status of a request refused before any function runs, None for others."""
        quotas = self._api.quotas
        if path.rstrip("/") != f"/{self._api.stage}":
            return HTTPStatus.FORBIDDEN
        if len(self._target) > quotas.url_characters:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if sum(len(name) + len(value) for name, value in self._headers) > quotas.header_bytes:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if self._api.closing.is_set():
            return HTTPStatus.SERVICE_UNAVAILABLE
        return None

    async def _show_status(self, request: HttpRequest) -> None:
        self._refuse(await status.answer(self._api, request, self._source_ip))

    async def _upgrade(self, request: Request) -> None:
        response, client = await shake_hands(self._api, request, self._source_ip)
        if client is None:
            self._refuse(response)
            return
        WebSocketConnection(self._api, client, self._transport).open(
            response.serialize(), self._early
        )
        # The parser points back here; without it this object is freed at once.
        del self._parser

    @property
    def _source_ip(self) -> str:
        address: str = self._transport.get_extra_info("peername")[0]
        return address

    def _refuse(self, response: Response) -> None:
        """Give the last answer on this TCP connection."""
        self._transport.write(response.serialize())
        self._transport.close()
