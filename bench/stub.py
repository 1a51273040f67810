"""A stand-in for `@connections` that says 200 to all: `python -m bench.stub MILLISECONDS [PEM]`.

It prints its port, and then answers each request after that time, over TLS if it is given a
certificate with its key. One loop over non-blocking sockets, since what it serves is fast.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import sys
import time
from collections import deque
from typing import Final

ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nDate: Tue, 24 Nov 2026 03:06:00 GMT\r\n"
    b"Content-Type: application/json\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"
)
RECEIVE: Final = 64 * 1024
END_OF_HEAD: Final = b"\r\n\r\n"
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Stub:
    """Serves until its process is ended."""

    def __init__(self, service_seconds: float, tls: ssl.SSLContext | None) -> None:
        self._service_seconds = service_seconds
        self._tls = tls
        self._selector = selectors.DefaultSelector()
        self._due: deque[tuple[float, socket.socket]] = deque()
        self._begun: dict[socket.socket, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.settimeout(0)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self.port: int = self._listener.getsockname()[1]

    def run(self) -> None:
        """Take requests, and answer each when its time has come."""
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            for key, _ in self._selector.select(wait):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.data)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._answer(self._due.popleft()[1])

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            try:
                sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
            except OSError:  # it left as soon as it came
                sock.close()
                return
        self._selector.register(sock, selectors.EVENT_READ, sock)

    def _read(self, sock: socket.socket) -> None:
        try:
            # A TLS socket shakes hands as part of its first read.
            data = sock.recv(RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            data = b""
        if not data:
            self._begun.pop(sock, None)
            self._selector.unregister(sock)
            sock.close()
            return
        data = self._begun.pop(sock, b"") + data
        while end := end_of_request(data):
            self._due.append((time.monotonic() + self._service_seconds, sock))
            data = data[end:]
        if data:
            self._begun[sock] = data

    def _answer(self, sock: socket.socket) -> None:
        # Who has left meanwhile needs no answer.
        with contextlib.suppress(OSError, ValueError):
            sock.send(ANSWER)


def end_of_request(data: bytes) -> int:
    """Return where the first request ends, or 0 if there is more to come of it.

    Clients may send a body after its head, as boto3 does; an answer to each piece would be one
    too many, and make the client throw its connection away.
    """
    head = data.find(END_OF_HEAD)
    if head < 0:
        return 0
    length = LENGTH.search(data, 0, head)
    end = head + len(END_OF_HEAD) + (int(length[1]) if length else 0)
    return end if end <= len(data) else 0


def main() -> None:
    """Serve with the command line's service time and certificate."""
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(sys.argv[2])
    stub = Stub(float(sys.argv[1]) / 1000, tls)
    print(stub.port, flush=True)
    stub.run()


if __name__ == "__main__":
    main()
