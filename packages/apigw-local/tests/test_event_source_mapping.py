"""The event source mapping against a real queue."""

from __future__ import annotations

import json
import logging
import threading
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError

from apigw_local.aws.botocore_hooks import SendHook
from apigw_local.faults import FaultSettings
from apigw_local.sqs.event_source_mapping import EventSourceMapping
from gateway_support import logged_events
from gateway_support.scripted import (
    WAIT_SECONDS,
    MakeQueue,
    ScriptedFunction,
    StartMapping,
    assert_quiet,
    counts,
    send,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


def test_a_group_arrives_in_order_in_batches_of_ten(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """A group's backlog comes in the order sent, at most ten records at a time."""
    queue_url = make_queue()
    bodies = [f"{number}" for number in range(25)]
    send(sqs, queue_url, "room", *bodies)
    start_mapping(queue_url)

    batches = []
    for _ in range(3):
        invocation = function.next()
        batches.append(invocation.bodies)
        invocation.succeed()

    assert batches == [bodies[:10], bodies[10:20], bodies[20:]]


def test_batch_size_is_respected(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """No batch is larger than the mapping's batch size."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1", "2", "3")
    start_mapping(queue_url, batch_size=2)

    assert function.next().bodies == ["1", "2"]


def test_one_batch_in_flight_per_group(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """While a group's batch runs its later messages wait, and other groups go on."""
    queue_url = make_queue()
    start_mapping(queue_url)
    send(sqs, queue_url, "busy", "first")
    first = function.next()

    send(sqs, queue_url, "busy", "second")
    send(sqs, queue_url, "other", "meanwhile")
    meanwhile = function.next()
    assert meanwhile.bodies == ["meanwhile"]
    meanwhile.succeed()
    assert_quiet(function)

    first.succeed()
    assert function.next().bodies == ["second"]


def test_concurrency_is_capped(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """As many batches run at once as the maximum concurrency, and no more."""
    queue_url = make_queue()
    for group in ("a", "b", "c"):
        send(sqs, queue_url, group, group)
    start_mapping(queue_url, batch_size=1, maximum_concurrency=2)

    first, second = function.next(), function.next()
    assert_quiet(function)
    first.succeed()

    assert {*first.bodies, *second.bodies, *function.next().bodies} == {"a", "b", "c"}


def test_success_deletes(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """A batch whose handler returns is gone from the queue."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1", "2")
    start_mapping(queue_url)

    function.next().succeed()

    wait_until(lambda: counts(sqs, queue_url) == (0, 0))


def test_failure_brings_the_batch_back_and_then_to_the_dead_letters(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """A batch that fails is seen again after its visibility timeout, until the queue gives up."""
    dead_letters = make_queue()
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])
    redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 2}
    queue_url = make_queue(VisibilityTimeout="1", RedrivePolicy=json.dumps(redrive))
    send(sqs, queue_url, "room", "1", "2")
    start_mapping(queue_url)

    for receive_count in ("1", "2"):
        invocation = function.next()
        records = invocation.event["Records"]
        assert invocation.bodies == ["1", "2"]
        assert {record["attributes"]["ApproximateReceiveCount"] for record in records} == {
            receive_count
        }
        invocation.fail()

    wait_until(lambda: counts(sqs, dead_letters) == (2, 0))
    assert counts(sqs, queue_url) == (0, 0)


def test_timeout_is_a_failure(
    sqs: SQSClient, make_queue: MakeQueue, start_mapping: StartMapping, function: ScriptedFunction
) -> None:
    """A batch that outlives the function's timeout comes back."""
    function.patience = 0.05
    queue_url = make_queue(VisibilityTimeout="1")
    send(sqs, queue_url, "room", "slow")
    start_mapping(queue_url)

    assert function.next().bodies == ["slow"]
    assert function.next().bodies == ["slow"]


def test_batch_item_failures_are_ignored_by_default(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """Without ReportBatchItemFailures, what a handler reports as failed is deleted too."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1")
    start_mapping(queue_url)

    invocation = function.next()
    identifier = invocation.event["Records"][0]["messageId"]
    invocation.succeed({"batchItemFailures": [{"itemIdentifier": identifier}]})

    wait_until(lambda: counts(sqs, queue_url) == (0, 0))


def test_batch_item_failures_are_kept_when_reported(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """With ReportBatchItemFailures only what is reported as failed comes back."""
    queue_url = make_queue(VisibilityTimeout="1")
    send(sqs, queue_url, "room", "1", "2", "3")
    start_mapping(queue_url, fault_settings=FaultSettings(report_batch_item_failures=True))

    invocation = function.next()
    failed = [record["messageId"] for record in invocation.event["Records"][1:]]
    invocation.succeed({"batchItemFailures": [{"itemIdentifier": name} for name in failed]})

    assert function.next().bodies == ["2", "3"]


def test_stop_hands_back_what_is_not_finished(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """Records that a stopped mapping has not finished or not received are left for the next one."""
    queue_url = make_queue(VisibilityTimeout="600")
    send(sqs, queue_url, "room", "1", "2", "3")
    mapping = start_mapping(queue_url, batch_size=2)
    function.next()

    mapping.stop(0)
    assert counts(sqs, queue_url) == (3, 0)
    start_mapping(queue_url)

    assert function.next().bodies == ["1", "2", "3"]


def test_stop_lets_a_batch_finish(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """A batch that ends within the time given is settled before stop returns."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1")
    mapping = start_mapping(queue_url)
    invocation = function.next()

    threading.Timer(0.1, invocation.succeed).start()
    mapping.stop(WAIT_SECONDS)

    assert counts(sqs, queue_url) == (0, 0)


def test_each_batch_has_a_line_in_the_log(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log tells function, records, time and outcome, and nothing of the messages."""
    caplog.set_level(logging.INFO, "apigw_local.sqs.event_source_mapping")
    queue_url = make_queue()
    send(sqs, queue_url, "room", "secret")
    start_mapping(queue_url)

    function.next().succeed()

    wait_until(lambda: bool(caplog.messages))
    assert caplog.messages[0].startswith("batch scripted ok ")
    assert caplog.messages[0].endswith(f"1 record of {queue_url.rpartition('/')[2]}")
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("fault_settings", "answer", "status", "detail"),
    [
        (FaultSettings(), None, "ok", ""),
        (FaultSettings(), RuntimeError("the handler raised"), "fail", ""),
        (FaultSettings(report_batch_item_failures=True), 1, "fail", ", 1 record failed"),
        (FaultSettings(duplicate_delivery_rate=1), None, "ok", ", to come again"),
    ],
)
def test_a_failed_batch_is_marked(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
    caplog: pytest.LogCaptureFixture,
    fault_settings: FaultSettings,
    answer: RuntimeError | int | None,
    status: str,
    detail: str,
) -> None:
    """The line of a batch that failed, or a record of which did, stands out; no other does."""
    caplog.set_level(logging.INFO, "apigw_local.sqs.event_source_mapping")
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1", "2")
    start_mapping(queue_url, fault_settings=fault_settings)
    invocation = function.next()
    failed = [{"itemIdentifier": invocation.event["Records"][1]["messageId"]}]
    if isinstance(answer, RuntimeError):
        invocation.future.set_exception(answer)
    else:
        invocation.succeed({"batchItemFailures": failed} if answer else None)

    log_event = logged_events.log_event(caplog, "batch")
    assert (log_event.status, log_event.failed) == (status, status == "fail")
    assert log_event.detail == f"2 records of {queue_url.rpartition('/')[2]}{detail}"


def test_a_batch_that_outlives_the_function_is_marked(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The line says that it timed out, and after how long."""
    caplog.set_level(logging.INFO, "apigw_local.sqs.event_source_mapping")
    function.patience = 0.05
    queue_url = make_queue()
    send(sqs, queue_url, "room", "slow")
    start_mapping(queue_url)

    log_event = logged_events.log_event(caplog, "batch")
    assert (log_event.status, log_event.failed) == ("fail", True)
    assert log_event.detail.endswith(", timed out after 0.05 s")


class EmptyQueue:
    """A client whose queue is empty, or can't be used, and may be looked into as often as said."""

    def __init__(self, looks: int, error: ClientError | None = None) -> None:
        self.looks = threading.Semaphore(0)
        self.left = looks
        self._error = error

    def get_queue_attributes(self, **_: object) -> dict[str, Any]:
        """Tell the queue's ARN."""
        return {"Attributes": {"QueueArn": "arn:aws:sqs:eu-central-1:123456789012:empty"}}

    def receive_message(self, **_: object) -> dict[str, Any]:
        """Count a look."""
        self.left -= 1
        self.looks.release()
        if self._error:
            raise self._error
        return {}


def map_empty(client: EmptyQueue, **options: Any) -> EventSourceMapping:
    """Start a mapping with one poller that reads an empty queue."""
    mapping = EventSourceMapping(
        cast("SQSClient", client), "url", ScriptedFunction(), maximum_concurrency=1, **options
    )
    mapping.start()
    return mapping


def test_an_empty_queue_is_left_alone_between_two_looks() -> None:
    """After a look the poller waits until it is told of a message, and looks once then."""
    client = EmptyQueue(looks=21)
    mapping = map_empty(client, idle_seconds=3600)
    for _ in range(20):
        assert client.looks.acquire(timeout=WAIT_SECONDS)
        mapping.poll_now()
    assert client.looks.acquire(timeout=WAIT_SECONDS)
    mapping.stop(WAIT_SECONDS)
    assert client.left == 0


def test_an_empty_queue_is_looked_into_again_untold() -> None:
    """A message without a call of `poll_now` is received by the next poll."""
    client = EmptyQueue(looks=3)
    mapping = map_empty(client, idle_seconds=0.001)
    for _ in range(3):
        assert client.looks.acquire(timeout=WAIT_SECONDS)
    mapping.stop(WAIT_SECONDS)


@pytest.mark.parametrize("retry_seconds", [0.001, 3600])
def test_a_queue_that_cannot_be_used_is_left_alone_for_a_while(
    retry_seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is logged, and the queue polled again after a pause that stopping cuts short."""
    error = ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": "gone"}}, "Receive")
    client = EmptyQueue(looks=1, error=error)
    mapping = map_empty(client, retry_seconds=retry_seconds)
    for _ in range(3 if retry_seconds < 1 else 1):
        assert client.looks.acquire(timeout=WAIT_SECONDS)
    wait_until(lambda: "scripted can't use its queue" in caplog.text)
    mapping.stop(WAIT_SECONDS)
    assert client.left == 0 or retry_seconds < 1


def test_ignored_failures_are_pointed_out(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A function that reports failed records hears that its batch was deleted all the same."""
    caplog.set_level(logging.INFO, "apigw_local.sqs.event_source_mapping")
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1")
    start_mapping(queue_url)

    function.next().succeed({"batchItemFailures": [{"itemIdentifier": "any"}]})

    wait_until(lambda: "failures ignored" in logged_events.hints(caplog))
    assert logged_events.log_event(caplog, "batch").status == "ok"
    assert "scripted returned batchItemFailures" in caplog.text


def test_a_send_of_this_process_calls_back(aws: dict[str, Any], make_queue: MakeQueue) -> None:
    """A client made after the installation calls back after a message or a batch, else never."""
    sent: list[None] = []
    hook = SendHook(lambda: sent.append(None))
    hook.install()
    try:
        client = boto3.Session().client("sqs", **aws)
    finally:
        hook.remove()
    queue_url = make_queue()

    client.receive_message(QueueUrl=queue_url)
    assert len(sent) == 0
    send(client, queue_url, "room", "1")
    assert len(sent) == 1
    client.send_message_batch(
        QueueUrl=queue_url,
        Entries=[
            {
                "Id": body,
                "MessageBody": body,
                "MessageGroupId": "room",
                "MessageDeduplicationId": body,
            }
            for body in ("2", "3")
        ],
    )
    assert len(sent) == 2
    client.close()
