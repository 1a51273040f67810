"""Chains of invocations, and what becomes of one that does not end."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from chalice.app import Chalice, SQSEvent
from chalice.config import Config

from apigw_local.faults import FaultSettings
from apigw_local.lambda_ import invocation_chain
from apigw_local.lambda_.functions import Function, Functions
from apigw_local.lambda_.invocation_chain import LIMIT, TraceHeaderHook
from apigw_local.sqs.event_source_mapping import EventSourceMapping
from gateway_support import logged_events
from gateway_support.scripted import MakeQueue, counts, send
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_sqs import SQSClient

    MakeSender = Callable[[str], Function]


@pytest.fixture
def marking(aws: dict[str, Any]) -> Iterator[SQSClient]:
    """A client of the app's, made while the hook is installed."""
    hook = TraceHeaderHook()
    hook.install()
    try:
        client = boto3.Session().client("sqs", **aws)
    finally:
        hook.remove()
    yield client
    client.close()


def event(*headers: str) -> dict[str, Any]:
    """A batch whose records carry these trace headers."""
    return {"Records": [{"attributes": {"AWSTraceHeader": header}} for header in headers]}


def test_a_chain_is_counted_for_each_function() -> None:
    """Every invocation adds one for its own function, whichever others lie between."""
    first = invocation_chain.trace_header({}, "a")
    second = invocation_chain.trace_header(event(first), "b")
    third = invocation_chain.trace_header(event(second), "a")
    assert [invocation_chain.length(event(third), name) for name in ("a", "b", "c")] == [2, 1, 0]


def test_the_longest_chain_of_a_batch_counts() -> None:
    """A batch of several chains goes on with the longest one of each function."""
    short, long = invocation_chain.trace_header({}, "a"), invocation_chain.trace_header({}, "a")
    for _ in range(4):
        long = invocation_chain.trace_header(event(long), "a")
    for batch in (event(short, long, "Root=1-0-0"), event(long, short)):
        assert invocation_chain.length(batch, "a") == 5
        assert invocation_chain.length(event(invocation_chain.trace_header(batch, "a")), "a") == 6


@pytest.mark.parametrize("begin", [{}, {"requestContext": {}}, {"Records": [{"body": ""}]}])
def test_what_no_invocation_has_sent_begins_a_chain(begin: dict[str, Any]) -> None:
    """A client's message, and a record without a header, have no chain behind them."""
    assert invocation_chain.length(begin, "a") == 0


def headers(sqs: SQSClient, queue_url: str) -> list[str | None]:
    """The trace headers of what waits in a queue."""
    answer = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    return [m["Attributes"].get("AWSTraceHeader") for m in answer.get("Messages", [])]


def test_messages_carry_the_header_of_their_invocation(
    sqs: SQSClient, marking: SQSClient, make_queue: MakeQueue
) -> None:
    """Single ones and batches do, but not what is sent outside, nor what has a header already."""
    queue_url = make_queue(ContentBasedDeduplication="true")
    own: Any = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-1-1"}}
    entries: list[Any] = [
        {"Id": "1", "MessageBody": "1", "MessageGroupId": "a"},
        {"Id": "2", "MessageBody": "2", "MessageGroupId": "a", "MessageSystemAttributes": own},
    ]
    with invocation_chain.carrying("Root=1-2-2"):
        marking.send_message(QueueUrl=queue_url, MessageBody="0", MessageGroupId="a")
        marking.send_message_batch(QueueUrl=queue_url, Entries=entries)
    marking.send_message(QueueUrl=queue_url, MessageBody="3", MessageGroupId="a")

    assert headers(sqs, queue_url) == ["Root=1-2-2", "Root=1-2-2", "Root=1-1-1", None]
    assert entries[0].keys() == {"Id", "MessageBody", "MessageGroupId"}, "the app's own list"


@pytest.fixture
def echo(marking: SQSClient) -> MakeSender:
    """Makes a function that sends each message on to a queue, as one more."""

    def make(queue_url: str) -> Function:
        app = Chalice("loop")

        @app.on_sqs_message(queue="none", name="echo")
        def handle(event: SQSEvent) -> None:
            for record in event:
                send(marking, queue_url, "room", f"{int(record.body) + 1}")

        config = Config("dev", config_from_disk={"app_name": "loop"})
        return Functions(app, config).sqs()[0].function

    return make


@pytest.mark.parametrize("stop", [True, False])
def test_a_recursive_loop_stops_after_16_invocations(
    sqs: SQSClient,
    make_queue: MakeQueue,
    echo: MakeSender,
    caplog: pytest.LogCaptureFixture,
    stop: bool,  # noqa: FBT001 - parametrised
) -> None:
    """The 17th message is pointed out; with the knob it dies unseen, else the loop goes on."""
    caplog.set_level(logging.INFO, "apigw_local")
    dead_letters = make_queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 1}
    queue_url = make_queue(VisibilityTimeout="1", RedrivePolicy=json.dumps(redrive))
    function = echo(queue_url)
    mapping = EventSourceMapping(
        sqs, queue_url, function, fault_settings=FaultSettings(stop_recursive_loops=stop)
    )
    mapping.start()
    send(sqs, queue_url, "room", "1")
    try:
        if stop:
            wait_until(lambda: counts(sqs, dead_letters) == (1, 0))
            assert function.counters.invocations == LIMIT
            letter = sqs.receive_message(QueueUrl=dead_letters)["Messages"][0]
            assert letter["Body"] == f"{LIMIT + 1}"
            last = logged_events.log_events(caplog, "batch")[-1]
            assert (last.status, last.failed) == ("fail", True)
            assert last.detail.endswith(", not handed over: a recursive loop")
        else:
            wait_until(lambda: function.counters.invocations > LIMIT + 3)
    finally:
        mapping.stop(1)
    assert logged_events.hints(caplog) == {"recursive loop echo"}


def test_a_chain_of_16_invocations_is_no_loop(
    sqs: SQSClient, make_queue: MakeQueue, echo: MakeSender, caplog: pytest.LogCaptureFixture
) -> None:
    """A function that is invoked as often as Lambda allows is left without comment."""
    caplog.set_level(logging.INFO, "apigw_local")
    header = ""
    for _ in range(LIMIT - 1):
        header = invocation_chain.trace_header(event(header), "echo")
    queue_url, onward = make_queue(), make_queue()
    mapping = EventSourceMapping(
        sqs, queue_url, echo(onward), fault_settings=FaultSettings(stop_recursive_loops=True)
    )
    mapping.start()
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody="1",
        MessageGroupId="room",
        MessageDeduplicationId="1",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": header}},
    )
    wait_until(lambda: counts(sqs, queue_url) == (0, 0))
    mapping.stop(1)
    assert counts(sqs, onward) == (1, 0)
    assert logged_events.hints(caplog) == set()
