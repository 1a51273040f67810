"""Clients come and go in every way, handlers fail, and nothing of it stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from chalice.config import Config

from apigw_local.faults import NO_FAULTS, FaultSettings
from apigw_local.gateway import Gateway, Quotas
from apigw_local.gateway.connection import WebSocketConnection
from apigw_local.gateway.http_server import HttpServerProtocol
from apigw_local.lambda_.functions import Functions
from gateway_support.visitors import Reception, receive
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HALF = 5_000
AT_ONCE = 50
UNLIMITED = Quotas(
    new_connections_per_second=1e9,
    new_connections_burst=1e9,
    requests_per_second=1e9,
    requests_burst=1e9,
)


@pytest.fixture(autouse=True)
def _uncaptured(caplog: pytest.LogCaptureFixture) -> None:
    """Keep pytest from keeping thousands of tracebacks."""
    caplog.set_level(logging.CRITICAL + 1, logger="apigw_local")


@dataclass(frozen=True)
class Holdings:
    """Resources that this process holds.

    Attributes:
        descriptors: open files and sockets.
        threads: live threads.
        connections: the gateway's objects for TCP connections and WebSockets.
        objects: everything that the garbage collector tracks.
        resident: memory, in KB.
    """

    descriptors: int
    threads: int
    connections: int
    objects: int
    resident: int

    @classmethod
    def now(cls) -> Holdings:
        """Count them, garbage collected."""
        gc.collect()
        objects = gc.get_objects()
        rss = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True
        )
        return cls(
            descriptors=sum(1 for _ in Path("/dev/fd").iterdir()),
            threads=threading.active_count(),
            connections=connections(objects),
            objects=len(objects),
            resident=int(rss.stdout),
        )


def connections(objects: Iterable[object]) -> int:
    """The gateway's objects for TCP connections and WebSockets."""
    return sum(isinstance(each, HttpServerProtocol | WebSocketConnection) for each in objects)


def all_gone() -> bool:
    """Whether the gateway has let go of every visitor, the last ones' answers included."""
    gc.collect()
    return connections(gc.get_objects()) == 0


@contextmanager
def serving(reception: Reception, fault_settings: FaultSettings = NO_FAULTS) -> Iterator[Gateway]:
    """A gateway before an app."""
    functions = Functions(reception.app, Config(config_from_disk={"app_name": "reception"}))
    gateway = Gateway(
        functions, stage="api", port=0, quotas=UNLIMITED, fault_settings=fault_settings
    )
    gateway.start()
    yield gateway
    gateway.stop()


def visit(gateway: Gateway, reception: Reception, numbers: range, *, wait: bool = True) -> None:
    """Let visitors come and go, until all have, and the gateway has noticed."""
    port = urlsplit(gateway.url).port
    assert port is not None
    asyncio.run(receive(reception, port, numbers, at_once=AT_ONCE, wait=wait))
    wait_until(all_gone)


def test_ten_thousand_visitors_leave_nothing_behind() -> None:
    """No socket, thread or memory stays, and each `$connect` that said yes has a `$disconnect`."""
    reception = Reception()
    before = Holdings.now()
    with serving(reception) as gateway:
        visit(gateway, reception, range(HALF))
        middle = Holdings.now()
        visit(gateway, reception, range(HALF, 2 * HALF))
        after = Holdings.now()
    ended = Holdings.now()

    assert len(reception.accepted) > HALF
    assert reception.left == dict.fromkeys(reception.accepted, 1)
    assert after.descriptors == middle.descriptors
    assert ended.descriptors == before.descriptors
    assert ended.connections == before.connections
    # Threads of handlers are kept for the next ones: a visitor has three invocations at most.
    assert ended.threads <= before.threads + 3 * AT_ONCE
    assert after.objects - middle.objects < HALF / 10
    assert after.resident - middle.resident < HALF  # one KB for each, ids included


def test_only_lost_disconnects_are_missing() -> None:
    """Each `$connect` that said yes has one `$disconnect`, but for the injected losses."""
    reception = Reception()
    with serving(reception, FaultSettings(seed=5, lost_disconnect_rate=0.2)) as gateway:
        visit(gateway, reception, range(1_000), wait=False)
    lost = gateway.faults.lost_disconnects
    assert lost
    assert reception.left == dict.fromkeys(reception.accepted.keys() - lost, 1)
