"""A stand-in for the gateway's `@connections` API, over real sockets, that misbehaves on request.

with Connections() as api:
    api.acts["PJqB0fHsqRcCHlw="] = [misbehaviour.reset]
    …  # post to api.endpoint
    assert api.received == {…}
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from types import TracebackType

ERRORS: Final = {
    HTTPStatus.GONE: "GoneException",
    HTTPStatus.FORBIDDEN: "ForbiddenException",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PayloadTooLargeException",
    HTTPStatus.TOO_MANY_REQUESTS: "LimitExceededException",
    HTTPStatus.INTERNAL_SERVER_ERROR: "InternalServerErrorException",
}


def head(status: HTTPStatus, *headers: str) -> bytes:
    """The first lines of an answer."""
    error = [f"x-amzn-errortype: {ERRORS[status]}"] if status in ERRORS else []
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *error, *headers]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


class ClosedError(Exception):
    """The client closed its socket."""


@dataclass(frozen=True)
class Request:
    """A request as it came in.

    Attributes:
        connection_id: whom it is for, decoded.
        position: its place among the requests that came over the same socket, from 0.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection_id: str
    position: int


class Exchange:
    """One request, and the means to answer it, well or badly."""

    def __init__(self, api: Connections, sock: socket.socket, request: Request) -> None:
        self.api = api
        self.sock = sock
        self.request = request

    def take(self) -> None:
        """Take the frame, as the gateway does when it answers 200."""
        with self.api.lock:
            self.api.received[self.request.connection_id].append(self.request.body)

    def send(self, data: bytes) -> None:
        """Send some bytes."""
        self.sock.sendall(data)

    def answer(self, status: HTTPStatus = HTTPStatus.OK, body: bytes = b"") -> None:
        """Answer as the gateway does."""
        length = [] if status == HTTPStatus.NO_CONTENT else [f"Content-Length: {len(body)}"]
        self.send(head(status, *length) + body)

    def reset(self) -> None:
        """End the connection at once, with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ClosedError

    def close(self) -> None:
        """End the connection in good order."""
        raise ClosedError

    def hang(self) -> None:
        """Wait until the test is over, or the client gives up."""
        self.sock.settimeout(0.05)
        while not self.api.closing.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.sock.recv(1):
                    break
        raise ClosedError


class Connections:
    """Takes posts on a port of its own while it is entered.

    Attributes:
        received: the frames that each connection got, in order of arrival.
        requests: every request, in order of arrival.
        ill: the status that posts to a connection get instead of 200.
        stuck: connections whose posts get no answer before the server closes.
        acts: what is done with the next requests to a connection instead, one after another.
        info: the body of the answer to a GET.
        sockets: how many sockets were accepted.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.received: defaultdict[str, list[bytes]] = defaultdict(list)
        self.requests: list[Request] = []
        self.ill: dict[str, HTTPStatus] = {}
        self.stuck: set[str] = set()
        self.acts: dict[str, list[Callable[[Exchange], None]]] = {}
        self.info = b""
        self.sockets = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._tls = tls
        self._host = host
        self._open: set[socket.socket] = set()
        self._doomed: set[socket.socket] = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def endpoint(self) -> str:
        """The endpoint to give to a poster."""
        scheme = "https" if self._tls else "http"
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{scheme}://{host}:{self.port}/api"

    @property
    def open(self) -> int:
        """Number of open sockets."""
        with self.lock:
            return len(self._open)

    def doom(self) -> None:
        """Reset the sockets that are open now, each when it is next used."""
        with self.lock:
            self._doomed |= self._open

    def hang_up(self) -> int:
        """Close the sockets that are open now, and return how many that were."""
        with self.lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            return len(self._open)

    def __enter__(self) -> Connections:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        # Closing a listener does not wake who waits in accept; a shutdown does.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self.hang_up()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with self.lock:
            self.sockets += 1
            self._open.add(sock)
        served = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                with self.lock:
                    self._open.remove(sock)
                served = self._tls.wrap_socket(sock, server_side=True)
                with self.lock:
                    self._open.add(served)
            position = 0
            reader = _Reader(served)
            while not self.closing.is_set():
                self._exchange(served, reader.request(position))
                position += 1
        except (ClosedError, OSError):
            pass
        finally:
            with self.lock:
                self._open.discard(served)
                self._doomed.discard(served)
            served.close()
            sock.close()

    def _exchange(self, sock: socket.socket, request: Request) -> None:
        exchange = Exchange(self, sock, request)
        with self.lock:
            doomed = sock in self._doomed
            if not doomed:
                self.requests.append(request)
            acts = self.acts.get(request.connection_id)
            act = acts.pop(0) if acts and not doomed else None
        if doomed:
            exchange.reset()
        if act:
            act(exchange)
            return
        if request.connection_id in self.stuck:
            exchange.hang()
        status = self.ill.get(request.connection_id)
        if status:
            exchange.answer(status)
        elif request.method == "DELETE":
            exchange.answer(HTTPStatus.NO_CONTENT)
        elif request.method == "GET":
            exchange.answer(body=self.info)
        else:
            exchange.take()
            exchange.answer()


class _Reader:
    """Takes requests off a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""

    def request(self, position: int) -> Request:
        """Return the next request.

        Raises:
            ClosedError: there is none.
        """
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        top, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        line, *lines = top.decode().split("\r\n")
        method, path, _ = line.split(" ")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (header.partition(":") for header in lines)
        }
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            self._fill()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        prefix, _, connection_id = path.rpartition("/")
        assert unquote(prefix) == "/api/@connections", f"unexpected path {path}"
        return Request(method, path, headers, body, unquote(connection_id), position)

    def _fill(self) -> None:
        data = self._sock.recv(65536)
        if not data:
            raise ClosedError
        self._buffer += data
