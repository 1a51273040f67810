"""Fixtures of the gateway's tests: an embedded AWS, queues, mappings, gateways."""

from __future__ import annotations

import logging
import os
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from apigw_local.aws.emulator import Emulator
from apigw_local.console.log_events import LogEvent
from apigw_local.sqs.event_source_mapping import EventSourceMapping
from gateway_support.scripted import ScriptedFunction, refuse_visibility
from gateway_support.serving import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_sqs import SQSClient

    from gateway_support.scripted import MakeQueue, StartMapping


class _Defects(logging.Handler):
    """Handler that keeps the exceptions of the gateway's own code."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException | None] = []

    def emit(self, record: logging.LogRecord) -> None:
        if isinstance(record.msg, LogEvent) and record.msg.kind == "defect":
            self.errors.append(record.exc_info[1] if record.exc_info else None)


@pytest.fixture(autouse=True)
def defects() -> Iterator[list[BaseException | None]]:
    """Exceptions of the gateway's own code; a test fails that leaves any in the list."""
    log, handler = logging.getLogger("apigw_local.gateway"), _Defects()
    log.addHandler(handler)
    yield handler.errors
    log.removeHandler(handler)
    assert not handler.errors


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Arguments for boto3 clients of the embedded AWS."""
    return {
        "endpoint_url": Emulator(tmp_path_factory.mktemp("project"), os.getpid()).endpoint(),
        "region_name": "eu-central-1",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }


@pytest.fixture
def sqs(aws: dict[str, Any]) -> Iterator[SQSClient]:
    """An SQS client with room for many pollers."""
    with closing(boto3.client("sqs", config=Config(max_pool_connections=20), **aws)) as client:
        client.meta.events.register("before-parameter-build.sqs", refuse_visibility)
        yield client


@pytest.fixture
def make_queue(sqs: SQSClient) -> MakeQueue:
    """Makes FIFO queues: `make_queue(VisibilityTimeout="1")` returns a URL."""

    def make(**attributes: str) -> str:
        return sqs.create_queue(
            QueueName=f"{uuid.uuid4().hex}.fifo",
            Attributes={"FifoQueue": "true", **attributes},  # type: ignore[dict-item] # free names
        )["QueueUrl"]

    return make


@pytest.fixture
def function() -> ScriptedFunction:
    """The function that the mapping feeds."""
    return ScriptedFunction()


@pytest.fixture
def start_mapping(sqs: SQSClient, function: ScriptedFunction) -> Iterator[StartMapping]:
    """Starts mappings from a queue's URL to the function, and stops them after the test."""
    started = []

    def start(queue_url: str, **options: Any) -> EventSourceMapping:
        mapping = EventSourceMapping(sqs, queue_url, function, **options)
        mapping.start()
        started.append(mapping)
        return mapping

    yield start
    for mapping in started:
        mapping.stop(0)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start gateways, with the arguments of `Served`."""
    started: list[Served] = []

    def start(**options: Any) -> Served:
        served = Served(**options)
        started.append(served)
        return served

    yield start
    for served in started:
        served.stop()
