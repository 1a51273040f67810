"""How long a container's first invocation takes: `python -m bench cold`.

Each handler in a process of its own, as in a new container: importing app.py, and the first call,
with the embedded AWS. The broadcast tells one member a message and another one its ack, over TLS,
through a server that answers after 15 ms; http serves the page. The medians of several, and the
most memory that a process took, which says how small a function's memory may be. Lambda's own start
of a container comes on top.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.report import progress
from bench.servers import certificate, server
from bench.stage import ORIGIN, PROJECT, TABLE, Stage, embedded_table
from chalicelib.fanout import Fanout
from chalicelib.jobs import MessageJob, encode
from chalicelib.model import LOBBY, Connection, ConnectionId, Message, Protocol, User, UserId
from chalicelib.posting import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from chalicelib.posting import Post

HANDLERS: Final = ("connect", "message", "disconnect", "broadcast", "http")
ROUNDS: Final = 5
SERVICE_MS: Final = 15
CONNECTION: Final = ConnectionId("PJqB0fHsqRcCHlw=")
ADA: Final = User(UserId("ada"), "Ada")
BOB: Final = User(UserId("bob"), "Bob")

PAGE: Final = {
    "requestContext": {"httpMethod": "GET", "resourcePath": "/"},
    "headers": {"accept": "text/html"},
    "pathParameters": None,
    "multiValueQueryStringParameters": None,
    "stageVariables": None,
    "body": None,
    "isBase64Encoded": False,
}
"""What a GET of the page comes to, as far as Chalice reads it."""

SCRIPT: Final = """
import json, re, sys, time
name, event = sys.argv[1], json.load(sys.stdin)
began = time.perf_counter()
import app
imported = time.perf_counter()
from chalice.local import LambdaContext
handlers = app.app.handler_map
handler = handlers.get(name) or handlers.get("on_ws_" + name) or app.app
started = time.perf_counter()
handler(event, LambdaContext("bench", 512, 30000))
called = time.perf_counter() - started
# getrusage would tell the parent's memory, which a process has until it executes another program.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps([imported - began, called, peak]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Row:
    """What one handler's first invocation took in a fresh process."""

    handler: str
    import_ms: float
    first_call_ms: float
    peak_mb: float


class _Nobody:
    """Posts to nobody: only the handlers' own processes post."""

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002
        """See `Poster.post`."""
        return Report()


def measure(handlers: Sequence[str] = HANDLERS, rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure each handler."""
    with tempfile.TemporaryDirectory() as name, embedded_table() as dynamodb:
        pem = certificate(Path(name))
        with server(SERVICE_MS, pem, Path(name)) as url:
            stage = Stage(dynamodb, _Nobody(), Fanout())
            environment = _environment(dynamodb, url, pem)
            for handler in handlers:
                progress(f"cold: {handler}")
                took = []
                for _ in range(rounds):
                    _connect(stage)
                    took.append(_first(handler, _event(handler), environment))
                imports, calls, peaks = zip(*took, strict=True)
                yield Row(
                    handler,
                    round(statistics.median(imports) * 1000, 1),
                    round(statistics.median(calls) * 1000, 1),
                    round(max(peaks) / 1024, 1),
                )
            stage.queue.close()


def _first(handler: str, event: Any, environment: dict[str, str]) -> tuple[float, ...]:
    """Return the seconds of the import and of the first call, and the most memory in KiB.

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
    return tuple(json.loads(run.stderr.splitlines()[-1]))


def _environment(dynamodb: DynamoDBClient, url: str, pem: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(pem),
        "WEBSOCKET_ENDPOINT": url,
        "AWS_ENDPOINT_URL": dynamodb.meta.endpoint_url,
        "AWS_CONFIG_FILE": os.devnull,
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
    now = int(time.time() * 1000)
    connection = Connection(CONNECTION, ADA, Protocol.PLAIN, now, ORIGIN)
    stage.store.add(connection)
    stage.store.join(connection, LOBBY)


def _event(handler: str) -> Any:
    """Return a recorded event for a handler; the broadcast's holds what Bob tells Ada."""
    if handler == "http":
        return PAGE
    event = json.loads((PROJECT / f"tests/functional/events/{handler}.json").read_text())
    if handler == "broadcast":
        new, now = str(time.time_ns()), int(time.time() * 1000)
        message = Message(new, LOBBY, "chat", "hi", BOB, ConnectionId("PJqC1fHsqRcCHlw="), now)
        event["Records"][0]["body"] = encode(MessageJob(ORIGIN, LOBBY, new, message))
    return event
