"""Addresses of the two ports, and what is said when one can't be had."""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from apigw_local.addresses import origin, public_origin, refusal


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "ws://127.0.0.1:8001"),
        ("192.168.1.5", "ws://192.168.1.5:8001"),
        ("0.0.0.0", "ws://127.0.0.1:8001"),
        ("::1", "ws://[::1]:8001"),
        ("::", "ws://[::1]:8001"),
    ],
)
def test_an_origin_can_be_connected_to(host: str, expected: str) -> None:
    """An address that means every interface is not one to connect to; IPv6 is bracketed."""
    assert origin("ws", host, 8001) == expected


def test_a_public_origin_is_the_host_that_was_asked_for() -> None:
    """One address is given as it is."""
    assert public_origin("ws", "127.0.0.1", 8001) == "ws://127.0.0.1:8001"


def test_a_public_origin_of_every_address_is_this_machines_own() -> None:
    """Listening on every address gives one that a socket of this machine can be bound to."""
    host = urlsplit(public_origin("ws", "0.0.0.0", 8001)).hostname
    assert host != "0.0.0.0"
    with closing(socket.socket()) as own:
        own.bind((host, 0))


def test_a_port_in_use_is_named_with_a_way_out() -> None:
    """The message has the port, how to find its holder, and the command to type."""
    message = refusal("127.0.0.1", 8001, OSError(errno.EADDRINUSE, "Address already in use"))

    assert "Port 8001 on 127.0.0.1 is already in use" in message
    assert "lsof -i :8001" in message
    assert "chalice local --port 8100" in message


def test_an_impossible_address_is_told_as_such() -> None:
    """Other refusals give the address and the system's own reason."""
    message = refusal("10.9.8.7", 8000, OSError(errno.EADDRNOTAVAIL, "Cannot assign address"))

    assert "can't listen on 10.9.8.7, port 8000" in message
    assert "Cannot assign address" in message
