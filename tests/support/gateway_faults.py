"""Ways in which a gateway, or the network before it, does not do what it should."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from tests.support.management_server import head

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.management_server import Exchange


def status(code: HTTPStatus, body: bytes = b"") -> Callable[[Exchange], None]:
    """Answer with a status."""

    def act(exchange: Exchange) -> None:
        exchange.answer(code, body)

    return act


def fine(exchange: Exchange) -> None:
    """Take the frame and say so, without fault."""
    exchange.take()
    exchange.answer()


def chunked(exchange: Exchange) -> None:
    """Answer with a body in chunks."""
    exchange.take()
    exchange.send(head(HTTPStatus.OK, "Transfer-Encoding: chunked"))
    exchange.send(b"3\r\nabc\r\n")
    exchange.send(b"4\r\ndefg\r\n0\r\n\r\n")


def announced(exchange: Exchange) -> None:
    """Answer 100 and 103 before the answer itself."""
    exchange.take()
    exchange.send(head(HTTPStatus.CONTINUE) + head(HTTPStatus.EARLY_HINTS, "Link: </>"))
    exchange.answer()


def last_words(exchange: Exchange) -> None:
    """Announce that the connection closes with this answer, and close it."""
    exchange.take()
    exchange.send(head(HTTPStatus.OK, "Content-Length: 0", "Connection: close"))
    exchange.close()


def old_fashioned(exchange: Exchange) -> None:
    """Answer in HTTP/1.0, where the connection's end is the body's end."""
    exchange.take()
    exchange.send(b"HTTP/1.0 200 OK\r\n\r\nfine")
    exchange.close()


def drip(exchange: Exchange) -> None:
    """Send the answer byte by byte."""
    exchange.take()
    for byte in head(HTTPStatus.OK, "Content-Length: 2") + b"ok":
        exchange.send(bytes([byte]))


def reset(exchange: Exchange) -> None:
    """Break the connection before the frame is taken."""
    exchange.reset()


def reset_after(exchange: Exchange) -> None:
    """Take the frame, and break the connection before saying so."""
    exchange.take()
    exchange.reset()


def reset_midway(exchange: Exchange) -> None:
    """Break the connection within the answer's first line."""
    exchange.take()
    exchange.send(b"HTTP/1.1 2")
    exchange.close()


def cut_short(exchange: Exchange) -> None:
    """Close the connection before all of the answer's body is sent."""
    exchange.take()
    exchange.send(head(HTTPStatus.OK, "Content-Length: 9") + b"ok")
    exchange.close()


def garbage(exchange: Exchange) -> None:
    """Answer in no language known."""
    exchange.send(b"\x15\x03\x03\x00\x02\x02\x28 what?\r\n\r\n")
    exchange.close()


def switch(exchange: Exchange) -> None:
    """Change to another protocol, which nobody asked for."""
    exchange.send(head(HTTPStatus.SWITCHING_PROTOCOLS, "Upgrade: tea", "Connection: upgrade"))
    exchange.close()


def twice(exchange: Exchange) -> None:
    """Take the frame, and answer it twice, the second time with 410."""
    exchange.take()
    second = head(HTTPStatus.GONE, "Content-Length: 0")
    exchange.send(head(HTTPStatus.OK, "Content-Length: 0") + second)


def hang(exchange: Exchange) -> None:
    """Take the frame and say nothing."""
    exchange.take()
    exchange.hang()


def dribble(exchange: Exchange) -> None:
    """Begin an answer, and never come to its end."""
    exchange.take()
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Wait: ")
    exchange.hang()
