"""A stand-in for the gateway's `@connections` API, over real HTTP."""

from __future__ import annotations

import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    from types import TracebackType

ERRORS: Final = {
    HTTPStatus.GONE: "GoneException",
    HTTPStatus.FORBIDDEN: "ForbiddenException",
    HTTPStatus.TOO_MANY_REQUESTS: "LimitExceededException",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalServerErrorException",
}


class Connections:
    """Takes posts on a port of its own while it is entered.

    Attributes:
        received: the frames that each connection got, in order of arrival.
        ill: the status that posts to a connection get instead of 200.
        stuck: connections whose posts get no answer before the server closes.
    """

    def __init__(self) -> None:
        self.received: defaultdict[str, list[bytes]] = defaultdict(list)
        self.ill: dict[str, HTTPStatus] = {}
        self.stuck: set[str] = set()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def endpoint(self) -> str:
        """The endpoint to give to a poster."""
        return f"http://127.0.0.1:{self._server.server_port}/api"

    def __enter__(self) -> Connections:
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                frame = self.rfile.read(int(self.headers["Content-Length"]))
                prefix, _, connection_id = unquote(self.path).rpartition("/")
                assert prefix == "/api/@connections"
                if connection_id in api.stuck:
                    api._closing.wait()
                status = api.ill.get(connection_id, HTTPStatus.OK)
                if status == HTTPStatus.OK:
                    api.received[connection_id].append(frame)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                if status in ERRORS:
                    self.send_header("x-amzn-errortype", ERRORS[status])
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing: the tests look at what arrived."""

        return Handler
