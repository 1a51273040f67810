"""Posts and delays of messages in busy rooms: `python -m bench rooms`.

Messages come at even intervals, and go through the real broadcast with the embedded table to a
server that answers after 15 ms, over TLS. The delay is from a message's acceptance until all posts
of its batch are answered.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.broadcast import SERVICE_MS, socket_poster
from bench.harness import Stage, embedded_table
from bench.report import progress
from bench.servers import certificate, server
from chalicelib.core.fanout import Fanout
from chalicelib.core.model import RoomId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.core.ports.poster import Poster

CELLS: Final = (
    *((members, rate) for members in (10, 100, 1000) for rate in (1, 10, 20, 50)),
    # Where a large room begins to share frames.
    *((1000, rate) for rate in (2, 3, 5)),
)
SECONDS: Final = 5.0
NO_LINGER: Final = Fanout(linger_per_member=0, linger_limit=0)


@dataclass(frozen=True)
class Row:
    """Result for a room of so many members at so many messages a second."""

    members: int
    rate: int
    linger: bool
    posts_per_delivered: float
    p50_ms: float
    p99_ms: float


def measure(cells: Sequence[tuple[int, int]] = CELLS, seconds: float = SECONDS) -> Iterator[Row]:
    """Measure each room with the linger and without."""
    with tempfile.TemporaryDirectory() as name, embedded_table() as dynamodb:
        pem = certificate(Path(name))
        with server(SERVICE_MS, pem, Path(name)) as url:
            poster = socket_poster(url, pem)
            for members, rate in cells:
                for linger in (True, False):
                    state = "on" if linger else "off"
                    progress(f"rooms: {members:,} members, {rate}/s, linger {state}")
                    yield _row(dynamodb, poster, members, rate, seconds, linger=linger)


def _row(
    dynamodb: DynamoDBClient,
    poster: Poster,
    members: int,
    rate: int,
    seconds: float,
    *,
    linger: bool,
) -> Row:
    stage = Stage(dynamodb, poster, Fanout() if linger else NO_LINGER)
    room = RoomId(f"room-{members}-{time.time_ns()}")
    stage.fill(room, members)
    stage.say(room)
    stage.queue.wait()
    stage.queue.delays.clear()
    before, messages = stage.poster.posts, max(3, int(rate * seconds))
    began = time.perf_counter()
    for number in range(messages):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        stage.say(room)
    stage.queue.wait()
    stage.queue.close()
    posts = stage.poster.posts - before
    delays = sorted(stage.queue.delays)
    return Row(
        members=members,
        rate=rate,
        linger=linger,
        posts_per_delivered=round(posts / (messages * members), 3),
        p50_ms=round(statistics.median(delays) * 1000, 1),
        p99_ms=round(delays[int(len(delays) * 0.99)] * 1000, 1),
    )
