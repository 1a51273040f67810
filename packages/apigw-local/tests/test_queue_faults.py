"""Faults between a real queue and its function, and their repetition."""

from __future__ import annotations

import queue
import time
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from apigw_local.faults import FaultSettings
from gateway_support.scripted import counts, send
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from gateway_support.scripted import MakeQueue, ScriptedFunction, StartMapping

BODIES = [f"{number}" for number in range(12)]


def deliveries(sqs: SQSClient, queue_url: str, function: ScriptedFunction) -> list[str]:
    """Let every invocation succeed until the queue is empty: the bodies, in order."""
    seen = []
    while counts(sqs, queue_url) != (0, 0):
        with suppress(queue.Empty):
            invocation = function.next(0.1)
            seen += invocation.bodies
            invocation.succeed()
    return seen


def wait_until_taken(sqs: SQSClient, queue_url: str) -> None:
    """Wait until the mapping has received the one message."""
    wait_until(lambda: counts(sqs, queue_url) == (0, 1))


def test_without_chaos_each_message_comes_once(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """Nothing comes again or late unless it was asked for."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", *BODIES)
    mapping = start_mapping(queue_url, batch_size=1)

    assert deliveries(sqs, queue_url, function) == BODIES
    assert not mapping.faults.counts


def test_batches_that_succeeded_come_again(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """Some come twice, in the group's order, and the same ones with the same seed."""
    fault_settings = FaultSettings(seed=2, duplicate_delivery_rate=0.5)
    runs = []
    for _ in range(2):
        queue_url = make_queue()
        send(sqs, queue_url, "room", *BODIES)
        mapping = start_mapping(queue_url, batch_size=1, fault_settings=fault_settings)
        runs.append(deliveries(sqs, queue_url, function))
        repeated = len(runs[-1]) - len(BODIES)
        assert mapping.faults.counts == {"duplicate_delivery": repeated}
        mapping.stop(1)

    assert runs[0] == runs[1]
    assert [body for body, _ in groupby(runs[0])] == BODIES
    assert len(BODIES) < len(runs[0]) < 2 * len(BODIES)


def test_a_repeated_batch_is_a_second_receipt(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """The queue shows the batch again as one that it has shown before, and only once."""
    queue_url = make_queue()
    send(sqs, queue_url, "room", "1", "2")
    start_mapping(queue_url, fault_settings=FaultSettings(duplicate_delivery_rate=1))

    for receipt in ("1", "2"):
        invocation = function.next()
        assert [
            record["attributes"]["ApproximateReceiveCount"]
            for record in invocation.event["Records"]
        ] == [receipt, receipt]
        invocation.succeed()

    wait_until(lambda: counts(sqs, queue_url) == (0, 0))


def test_batches_come_late(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
    function: ScriptedFunction,
) -> None:
    """A late batch holds its group back, and another group overtakes it; repeatably."""
    fault_settings = FaultSettings(seed=12, delayed_delivery_rate=0.5, delayed_delivery_seconds=0.4)
    for _ in range(2):
        queue_url = make_queue()
        mapping = start_mapping(queue_url, fault_settings=fault_settings)
        send(sqs, queue_url, "late", "first")
        wait_until_taken(sqs, queue_url)
        send(sqs, queue_url, "late", "second")
        send(sqs, queue_url, "other", "overtakes")

        assert deliveries(sqs, queue_url, function) == ["overtakes", "first", "second"]
        assert mapping.faults.counts == {"delayed_delivery": 1}
        mapping.stop(1)


def test_stop_hands_back_what_is_late(
    sqs: SQSClient,
    make_queue: MakeQueue,
    start_mapping: StartMapping,
) -> None:
    """A batch that waits for its time when the mapping stops is in the queue again at once."""
    queue_url = make_queue(VisibilityTimeout="600")
    send(sqs, queue_url, "room", "1")
    fault_settings = FaultSettings(delayed_delivery_rate=1, delayed_delivery_seconds=600)
    mapping = start_mapping(queue_url, fault_settings=fault_settings)
    wait_until_taken(sqs, queue_url)

    started = time.monotonic()
    mapping.stop(10)
    assert time.monotonic() - started < 5
    assert counts(sqs, queue_url) == (1, 0)
