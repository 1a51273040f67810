"""Time from one message to the last of many members: `python -m bench broadcast`.

From one message's acceptance to the answer to its last post, through the real broadcast: numbering
and history on the embedded table, the tree of workers side by side in one process, posts over TLS
to a server that answers after 15 ms. Members are cached from a message before, as in a room where
nobody came or went meanwhile.

The plain algorithm is that of the samples: a full, paged Query of the members for each message, and
a boto3 post for each, here from 64 threads; one after the other would take 15 ms times the members.
"""

from __future__ import annotations

import ssl
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.alternatives import CREDENTIALS, FRAME, REGION, boto3_client
from bench.harness import Stage, embedded_table
from bench.report import progress
from bench.servers import certificate, server
from chalicelib.adapters.apigateway.boto3_poster import Boto3Poster
from chalicelib.adapters.apigateway.socket_poster import SocketPoster
from chalicelib.core.fanout import Fanout
from chalicelib.core.model import RoomId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chalicelib.core.ports.poster import Poster

RECIPIENTS: Final = (100, 1_000, 10_000)
SERVICE_MS: Final = 15
ROUNDS: Final = 5
PATIENCE: Final = 120


@dataclass(frozen=True)
class Row:
    """Seconds from one message to its last recipient; the median of several."""

    recipients: int
    algorithm: str
    last_post_s: float
    posts: int


def measure(recipients: Sequence[int] = RECIPIENTS, rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure both algorithms for rooms of each size."""
    with tempfile.TemporaryDirectory() as name, embedded_table() as dynamodb:
        pem = certificate(Path(name))
        with server(SERVICE_MS, pem, Path(name)) as url:
            stage = Stage(dynamodb, socket_poster(url, pem), Fanout())
            plain = Boto3Poster(boto3_client(url, pem))
            for members in recipients:
                progress(f"broadcast: {members:,} recipients")
                room = RoomId(f"room-{members}-{time.time_ns()}")
                stage.fill(room, members)
                yield _fanfare(stage, room, members, rounds)
                yield _plain(stage, plain, room, members, 1 if members > 1000 else rounds)
            stage.queue.close()


def socket_poster(url: str, pem: Path) -> SocketPoster:
    """Make the project's poster, which trusts the server of the benchmark."""
    tls = ssl.create_default_context(cafile=pem)
    return SocketPoster(url, REGION, lambda: CREDENTIALS, tls=tls)


def _fanfare(stage: Stage, room: RoomId, members: int, rounds: int) -> Row:
    took: list[float] = []
    for number in range(rounds + 1):
        before, began = stage.poster.posts, time.perf_counter()
        stage.say(room)
        stage.queue.wait()
        posts = stage.poster.posts - before
        if number:
            took.append(stage.poster.ended - began)
    return Row(members, "fanfare", round(statistics.median(took), 3), posts)


def _plain(stage: Stage, poster: Poster, room: RoomId, members: int, rounds: int) -> Row:
    took: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        posts = ((member, FRAME) for member in stage.read(room))
        report = poster.post(posts, time.monotonic() + PATIENCE)
        took.append(time.perf_counter() - began)
        if len(report.delivered) != members:
            failed = members - len(report.delivered)
            raise RuntimeError(f"{failed} of {members} plain posts failed: {report.complaints}")
    return Row(members, "plain", round(statistics.median(took), 3), report.posts)
