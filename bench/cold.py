"""How long a container's first invocation takes: `python -m bench cold`.

Each handler in a process of its own, as in a new container: importing app.py, and the first call,
with the embedded AWS. The median of several. Lambda's own start of a container comes on top.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.report import progress
from bench.stage import ORIGIN, PROJECT, TABLE, Stage, embedded_table
from chalicelib import outbox
from chalicelib.fanout import Fanout
from chalicelib.model import LOBBY, Connection, ConnectionId, Protocol, User, UserId
from chalicelib.outbox import PresenceJob
from chalicelib.posting import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.posting import Post

HANDLERS: Final = ("on_ws_connect", "on_ws_message", "on_ws_disconnect", "broadcast", "health")
ROUNDS: Final = 5
CONNECTION: Final = ConnectionId("PJqB0fHsqRcCHlw=")

SCRIPT: Final = """
import json, sys, time
event = json.load(sys.stdin)
began = time.perf_counter()
import app
imported = time.perf_counter()
from chalice.local import LambdaContext
handler = app.health if sys.argv[1] == "health" else app.app.handler_map[sys.argv[1]]
started = time.perf_counter()
handler() if sys.argv[1] == "health" else handler(event, LambdaContext("bench", 512, 30000))
print(json.dumps([imported - began, time.perf_counter() - started]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Row:
    """What one handler's first invocation took in a fresh process."""

    handler: str
    import_ms: float
    first_call_ms: float


class _Nobody:
    """Posts to nobody: only the handlers' own processes post."""

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002
        """See `Poster.post`."""
        return Report()


def measure(handlers: Sequence[str] = HANDLERS, rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure each handler."""
    with embedded_table() as dynamodb:
        stage = Stage(dynamodb, _Nobody(), Fanout())
        environment = _environment(dynamodb)
        for handler in handlers:
            progress(f"cold: {handler}")
            took = []
            for _ in range(rounds):
                _connect(stage)
                took.append(_first(handler, _event(handler), environment))
            imports, calls = zip(*took, strict=True)
            yield Row(
                handler,
                round(statistics.median(imports) * 1000, 1),
                round(statistics.median(calls) * 1000, 1),
            )
        stage.queue.close()


def _first(handler: str, event: Any, environment: dict[str, str]) -> tuple[float, float]:
    """Return the seconds of the import and of the first call.

    Raises:
        RuntimeError: the handler failed.
    """
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", SCRIPT, handler],
        input=json.dumps(event),
        env=environment,
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{handler} failed:\n{run.stderr}")
    imported, called = json.loads(run.stderr.splitlines()[-1])
    return imported, called


def _environment(dynamodb: DynamoDBClient) -> dict[str, str]:
    endpoint = dynamodb.meta.endpoint_url
    return {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "FANFARE_TABLE": TABLE,
        "FANFARE_QUEUE": f"{TABLE}.fifo",
        "FANFARE_DEAD_LETTER_QUEUE": f"{TABLE}-dead.fifo",
    }


def _connect(stage: Stage) -> None:
    """Have the connection there that the recorded events are about."""
    connection = Connection(
        CONNECTION,
        User(UserId("ada"), "Ada"),
        Protocol.PLAIN,
        int(time.time() * 1000),
        ORIGIN,
    )
    stage.store.add(connection)
    stage.store.join(connection, LOBBY)


def _event(handler: str) -> Any:
    """Return a recorded event for a handler; the broadcast gets news that nobody is told of."""
    if handler == "health":
        return {}
    name = handler.removeprefix("on_ws_")
    event = json.loads((PROJECT / f"tests/functional/events/{name}.json").read_text())
    if handler == "broadcast":
        job = PresenceJob(ORIGIN, LOBBY, "bench", joined=(User(UserId("ada"), "Ada"),))
        event["Records"][0]["body"] = outbox.encode(job)
    return event
