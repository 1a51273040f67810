"""HTTP connection to the gateway, kept alive for one request after another."""

from __future__ import annotations

import errno
import functools
import socket
import ssl
from http import HTTPStatus
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.adapters.apigateway.endpoint import Address

RECEIVE: Final = 16 * 1024
"""Bytes read at a time: all that a TLS record can hold, or the rest would wait inside OpenSSL,
where no selector sees it."""

BODY_LIMIT: Final = 16 * 1024
"""Bytes of an answer that are kept; the gateway's are below 1 KB."""


class LostError(Exception):
    """A socket could not be opened, or ended before it was known what the gateway answers."""


class HttpConnection:
    """A socket's life: it connects, shakes hands, and carries requests while it is `reusable`.

    It never waits. Whenever the socket is ready for what `interest` asks, `advance` does what can
    be done, and returns the status of an answer once it is complete, else 0.

    Args:
        address: where it leads.
        tls: whom to trust; None speaks plain HTTP.
        server_name: the name that the server's certificate has to bear.
        new_socket: makes a socket of a family and a type.

    Raises:
        LostError: no connection can be begun.

    Attributes:
        address: where it leads.
        interest: what to wait for, as `selectors` says it.
        advance: the next step; it raises LostError when there is none.
        is_open: whether it can carry requests.
        reusable: whether it can carry another request after the present one.
        reused: whether it has carried a request, or was kept from an earlier call.
        used_at: when it became idle, in seconds since 1970.
        answered: whether any byte of the present answer has come.
        status: the status of the present answer, once all its headers are there.
        body: what has come of the present answer's body.
    """

    __slots__ = (
        "_awaiting",
        "_descriptor",
        "_parser",
        "_read",
        "_server_name",
        "_socket",
        "_tls",
        "_unsent",
        "_write",
        "address",
        "advance",
        "answered",
        "body",
        "interest",
        "is_open",
        "reusable",
        "reused",
        "status",
        "used_at",
    )

    def __init__(
        self,
        address: Address,
        tls: ssl.SSLContext | None,
        server_name: str,
        new_socket: Callable[[int, int], socket.socket] = socket.socket,
    ) -> None:
        self.address = address
        self._tls = tls
        self._server_name = server_name
        self.is_open = False
        self.reusable = True
        self.reused = False
        self.used_at = 0.0
        self.answered = False
        self.status = 0
        self.body = b""
        self._awaiting = False
        self._unsent = memoryview(b"")
        self._parser = HttpResponseParser(self)
        self.interest = EVENT_WRITE
        self.advance: Callable[[], int] = self._connect
        family, where = address
        try:
            self._socket = new_socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise LostError(f"could not be connected to, for want of a socket: {error}") from error
        # The same through all that follows: wrapping moves it to another object.
        self._descriptor = self._socket.fileno()
        try:
            self._socket.settimeout(0)
            # Requests are small and each is waited for: Nagle's algorithm would only delay them.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.connect(where)
        except BlockingIOError:
            pass
        except OSError as error:
            self._socket.close()
            raise LostError(f"could not be connected to: {error}") from error
        self._read: Callable[[int], bytes] = self._socket.recv
        self._write: Callable[[bytes | memoryview], int] = self._socket.send

    def fileno(self) -> int:
        """Return the socket's file descriptor, for a selector."""
        return self._descriptor

    def send(self, request: bytes) -> None:
        """Begin a request; only when open, and no other is on its way.

        Raises:
            LostError: the socket is dead.
        """
        self.status = 0
        self.body = b""
        self.answered = False
        self._awaiting = True
        self.advance = self._receive
        self._push(request)

    def close(self) -> None:
        """Close the socket, whatever it is at."""
        self._socket.close()

    def _connect(self) -> int:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            name = errno.errorcode.get(code, str(code))
            raise LostError(f"could not be connected to: {name}")
        if self._tls is None:
            return self._open()
        try:
            secured = self._tls.wrap_socket(
                self._socket, server_hostname=self._server_name, do_handshake_on_connect=False
            )
        except OSError as error:
            raise LostError(f"could not be connected to: {error}") from error
        self._socket = secured
        # Not recv and send, which are the same a call deeper.
        self._read, self._write = secured.read, secured.write
        self.advance = functools.partial(self._shake_hands, secured)
        return self.advance()

    def _shake_hands(self, secured: ssl.SSLSocket) -> int:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            self.interest = EVENT_READ
        except ssl.SSLWantWriteError:
            self.interest = EVENT_WRITE
        except OSError as error:
            raise LostError(f"failed the TLS handshake: {error}") from error
        else:
            self._open()
        return 0

    def _open(self) -> int:
        self.is_open = True
        self.interest = EVENT_READ
        self.advance = self._overhear
        return 0

    def _push(self, data: bytes | memoryview) -> None:
        try:
            sent = self._write(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            raise LostError(f"the connection broke: {error}") from error
        if sent == len(data):
            self._unsent = memoryview(b"")
            self.interest = EVENT_READ
            self.advance = self._receive
        else:
            self._unsent = memoryview(data)[sent:]
            self.interest = EVENT_READ | EVENT_WRITE
            self.advance = self._exchange

    def _exchange(self) -> int:
        """Send what is left of a request, unless the answer is there before, as a 413 may be."""
        status = self._receive()
        if not status:
            self._push(self._unsent)
        return status

    def _receive(self) -> int:
        try:
            data = self._read(RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            return self._end(f"the connection broke: {error}")
        if not data:
            return self._end("the connection was closed")
        self.answered = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.reusable = False
            if self._awaiting:
                return self._end(f"what it sent is not an HTTP answer: {error}")
        if self._awaiting:
            return 0
        self.advance = self._overhear
        return self.status

    def _end(self, why: str) -> int:
        """Return the status if it is known: the gateway has decided then, whatever is missing."""
        self.reusable = False
        if self.status:
            return self.status
        raise LostError(why)

    def _overhear(self) -> int:
        """See what comes while nothing is asked: TLS session tickets are fine, all else ends it."""
        try:
            data = self._read(RECEIVE)
        except (BlockingIOError, ssl.SSLWantReadError):
            return 0
        except OSError as error:
            raise LostError(f"the connection broke: {error}") from error
        raise LostError("it spoke unasked" if data else "the connection was closed")

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Refuse a second answer to one request: it would be taken for that of the next."""
        if not self._awaiting:
            raise LostError("it answered twice")

    def on_headers_complete(self) -> None:
        """Take the status; those below 200 announce another."""
        status = self._parser.get_status_code()
        if status >= HTTPStatus.OK:
            self.status = status

    def on_body(self, data: bytes) -> None:
        """Keep the body, within reason."""
        if len(self.body) < BODY_LIMIT:
            self.body += data

    def on_message_complete(self) -> None:
        """Note that the answer is complete."""
        if self.status:
            self._awaiting = False
            self.reused = True
            self.reusable = self._parser.should_keep_alive() and not self._unsent
