"""Processor time of a container's first invocation: `python -m bench cold`.

Each handler runs in a process of its own, as in a new container: the import of app.py from the
functions' zip, unpacked, and the first call, with the embedded AWS. Rows that are not `compiled`
are of the same zip without its compiled files, which a process can't keep on Lambda's read-only
disk. The broadcast tells one member a message and another one its ack,
over TLS, through a server that answers after 15 ms; http serves the page. The rows that begin with
`sample` are of a chat as Chalice's tutorial builds it (`bench/sample`); its message goes to two
members. Handlers take turns, so that what else the machine does meets all of them alike. Times are
medians of processor time, memory is the most that a process took. Lambda's own start of a container
comes on top.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench.harness import ORIGIN, PROJECT, TABLE, Stage, embedded_table
from bench.report import progress
from bench.servers import certificate, server
from bench.unpacked import unpacked
from chalicelib.core.fanout import Fanout
from chalicelib.core.jobs import MessageJob, encode
from chalicelib.core.model import LOBBY, Connection, ConnectionId, Message, Protocol, User, UserId
from chalicelib.core.ports.poster import Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import KeySchemaElementTypeDef

    from bench.unpacked import Unpacked
    from chalicelib.core.ports.poster import Post

HANDLERS: Final = {
    "connect": "app.on_ws_connect",
    "message": "app.on_ws_message",
    "disconnect": "app.on_ws_disconnect",
    "broadcast": "app.broadcast",
    "http": "app.app",
    "sample connect": "app.connect",
    "sample message": "app.message",
}
"""The handler of each row, as Chalice tells Lambda its name."""

ROUNDS: Final = 9
SHARE: Final = 0.29
"""A function of 512 MB has this share of a processor, since 1,769 MB are one vCPU.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

SAMPLE: Final = PROJECT / "bench/sample"
SAMPLE_TABLE: Final = "bench-chat-sample"
SERVICE_MS: Final = 15
CONNECTION: Final = ConnectionId("PJqB0fHsqRcCHlw=")
OTHER: Final = ConnectionId("PJqC1fHsqRcCHlw=")
KEY: Final = ("PK", "SK")
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
"""A GET of the page, as far as Chalice reads the event."""

SCRIPT: Final = """
import json, os, re, sys, time
# Lambda's Python has no awscrt; where it is installed, botocore would spend time on it.
sys.modules["awscrt"] = None
event = json.load(sys.stdin)
began = time.process_time()
import app
imported = time.process_time() - began
from types import SimpleNamespace
context = SimpleNamespace(aws_request_id="bench", get_remaining_time_in_millis=lambda: 30000)
handler = getattr(app, os.environ["_HANDLER"].removeprefix("app."))
started = time.process_time()
handler(event, context)
called = time.process_time() - started
# getrusage would tell the parent's memory, which a process has until it executes another program.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps([imported, called, peak]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Row:
    """Processor time and memory of one handler's first invocation in a fresh process.

    Attributes:
        handler: the handler's name in `HANDLERS`.
        compiled: whether its modules were compiled before.
        import_ms: for the import, which Lambda gives a whole processor.
        first_call_ms: for the first call.
        first_call_at_share_ms: how long the first call takes with `SHARE` of a processor.
        total_ms: import and first call; the median of the sums.
        total_at_share_ms: the import, and the first call at that share: what a client waits for.
        peak_mb: the most memory.
    """

    handler: str
    compiled: bool
    import_ms: float
    first_call_ms: float
    first_call_at_share_ms: float
    total_ms: float
    total_at_share_ms: float
    peak_mb: float


class _Start(NamedTuple):
    """A handler, and the folder that it is imported from."""

    handler: str
    folder: Path
    compiled: bool


class _Nobody:
    """Posts to nobody: only the handlers' own processes post."""

    def post(self, posts: Iterable[Post], deadline: float) -> Report:  # noqa: ARG002
        """See `Poster.post`."""
        return Report()


def measure(handlers: Iterable[str] = tuple(HANDLERS), rounds: int = ROUNDS) -> Iterator[Row]:
    """Measure each handler, from the zip as it ships and without its compiled files."""
    progress("cold: the zip")
    with tempfile.TemporaryDirectory() as name, unpacked() as zip_, embedded_table() as dynamodb:
        took: dict[_Start, list[tuple[float, float, float]]]
        took = {start: [] for handler in handlers for start in _starts(handler, zip_)}
        pem = certificate(Path(name))
        with server(SERVICE_MS, pem, Path(name)) as url, _sample_table(dynamodb):
            stage = Stage(dynamodb, _Nobody(), Fanout())
            environment = _environment(dynamodb, url, pem)
            for turn in range(rounds):
                progress(f"cold: round {turn + 1} of {rounds}")
                for start, times in took.items():
                    _connect(stage)
                    times.append(_first(start, environment))
            stage.queue.close()
    for start, times in took.items():
        yield _row(start, times)


def _starts(handler: str, zip_: Unpacked) -> list[_Start]:
    if handler.startswith("sample"):
        return [_Start(handler, SAMPLE, compiled=True)]
    return [
        _Start(handler, zip_.shipped, compiled=True),
        _Start(handler, zip_.uncompiled, compiled=False),
    ]


def _row(start: _Start, times: Sequence[tuple[float, float, float]]) -> Row:
    imports, calls, peaks = zip(*times, strict=True)
    call = statistics.median(calls)
    return Row(
        start.handler,
        start.compiled,
        round(statistics.median(imports) * 1000, 1),
        round(call * 1000, 1),
        round(call / SHARE * 1000, 1),
        round(statistics.median(imported + called for imported, called, _ in times) * 1000, 1),
        round(
            statistics.median(imported + called / SHARE for imported, called, _ in times) * 1e3, 1
        ),
        round(max(peaks) / 1024, 1),
    )


def _first(start: _Start, environment: dict[str, str]) -> tuple[float, float, float]:
    """Return the processor's seconds for the import and the first call, and the memory in KiB.

    Raises:
        RuntimeError: the handler failed.
    """
    run = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-B", "-c", SCRIPT],
        input=json.dumps(_event(start.handler)),
        env=environment | {"_HANDLER": HANDLERS[start.handler]},
        cwd=start.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"{start.handler} failed:\n{run.stderr}")
    imported, called, peak = json.loads(run.stderr.splitlines()[-1])
    return imported, called, peak


def _environment(dynamodb: DynamoDBClient, url: str, pem: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "SSL_CERT_FILE": str(pem),
        "AWS_CA_BUNDLE": str(pem),
        "WEBSOCKET_ENDPOINT": url,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb.meta.endpoint_url,
        "AWS_ENDPOINT_URL_SQS": dynamodb.meta.endpoint_url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "FANFARE_TABLE": TABLE,
        "FANFARE_QUEUE": f"{TABLE}.fifo",
        "FANFARE_DEAD_LETTER_QUEUE": f"{TABLE}-dead.fifo",
        "TABLE": SAMPLE_TABLE,
    }


@contextmanager
def _sample_table(dynamodb: DynamoDBClient) -> Iterator[None]:
    """Have the sample's table there, with two members of a room."""
    dynamodb.create_table(
        TableName=SAMPLE_TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEY],
        KeySchema=_key(*KEY),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "ReverseLookup",
                "KeySchema": _key(*reversed(KEY)),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    for connection in (CONNECTION, OTHER):
        for fact in ("username_ada", "room_lobby"):
            item: Any = {"PK": {"S": connection}, "SK": {"S": fact}}
            dynamodb.put_item(TableName=SAMPLE_TABLE, Item=item)
    try:
        yield
    finally:
        dynamodb.delete_table(TableName=SAMPLE_TABLE)


def _key(partition: str, sort: str) -> list[KeySchemaElementTypeDef]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


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
    recorded = handler.removeprefix("sample ")
    event = json.loads((PROJECT / f"tests/functional/events/{recorded}.json").read_text())
    if handler == "broadcast":
        new, now = str(time.time_ns()), int(time.time() * 1000)
        message = Message(new, LOBBY, "chat", "hi", BOB, OTHER, now)
        event["Records"][0]["body"] = encode(MessageJob(LOBBY, message.key, message))
    return event
