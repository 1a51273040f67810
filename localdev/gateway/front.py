"""The HTTP side of a TCP connection: calls of ``@connections``, and upgrades."""

import asyncio
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from localdev.gateway.api import Api
from localdev.gateway.connection import Connection
from localdev.gateway.handshake import shake_hands
from localdev.gateway.management import SEGMENT, manage
from localdev.gateway.responses import refusal


class Front(asyncio.Protocol):
    """Reads HTTP requests from one TCP connection and answers them in order.

    An upgrade that succeeds hands the TCP connection over to a `Connection`.
    The ``on_…`` methods are called by httptools.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._parser = httptools.HttpRequestParser(self)
        self._early = b""
        self._upgrading = False

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
        if self._upgrading:
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

    def on_url(self, target: bytes) -> None:
        """Take a part of the request's target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, spelt as sent."""
        self._headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, but not much more than is allowed."""
        if len(self._body) <= self._api.limits.post_bytes:
            self._body += body

    def on_message_complete(self) -> None:
        """Answer the request, or start on its upgrade."""
        target = self._target.decode("latin-1")
        path, _, _ = target.partition("?")
        segments = [unquote(segment) for segment in path.split("/")[1:]]
        method = self._parser.get_method().decode()
        if SEGMENT in segments and not self._parser.should_upgrade():
            response = manage(self._api, method, segments, self._body)
            self._transport.write(response.serialize())
            if not self._parser.should_keep_alive():
                self._transport.close()
        elif status := self._obstacle(path):
            self._refuse(refusal(status))
        else:
            self._upgrading = True
            headers = Headers((n.decode("latin-1"), v.decode("latin-1")) for n, v in self._headers)
            version = f"HTTP/{self._parser.get_http_version()}"
            self._api.spawn(self._upgrade(Request(target, headers, method, version)))

    def _obstacle(self, path: str) -> HTTPStatus | None:
        """The status for a request that no function gets to see."""
        limits = self._api.limits
        if path.rstrip("/") != f"/{self._api.stage}":
            return HTTPStatus.FORBIDDEN
        if len(self._target) > limits.url_characters:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if sum(len(name) + len(value) for name, value in self._headers) > limits.header_bytes:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if self._api.closing:
            return HTTPStatus.SERVICE_UNAVAILABLE
        return None

    async def _upgrade(self, request: Request) -> None:
        source_ip = self._transport.get_extra_info("peername")[0]
        response, client = await shake_hands(self._api, request, source_ip)
        if client is None:
            self._refuse(response)
            return
        Connection(self._api, client, self._transport).open(response.serialize(), self._early)
        # The parser points back here; without it this object is freed at once.
        del self._parser

    def _refuse(self, response: Response) -> None:
        self._transport.write(response.serialize())
        self._transport.close()
