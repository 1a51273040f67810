"""A function whose invocations end as the test likes, and other helpers of these tests."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from apigw_local.sqs.event_source_mapping import EventSourceMapping

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 10.0
QUIET_SECONDS = 0.35  # several looks into the queue long

MakeQueue = Callable[..., str]
StartMapping = Callable[..., EventSourceMapping]


@dataclass
class Invocation:
    """One batch that a function was given; the test decides how it ends."""

    event: dict[str, Any]
    future: Future[Any]

    @property
    def bodies(self) -> list[str]:
        """The records' bodies, in order."""
        return [record["body"] for record in self.event["Records"]]

    def succeed(self, answer: Any = None) -> None:
        """Let the handler return."""
        self.future.set_result(answer)

    def fail(self) -> None:
        """Let the handler raise."""
        self.future.set_exception(RuntimeError("the handler raised"))


@dataclass
class ScriptedFunction:
    """A function whose invocations a test takes one by one and ends as it likes."""

    name: str = "scripted"
    patience: float = 60.0
    _invocations: queue.Queue[Invocation] = field(default_factory=queue.Queue)

    def invoke(self, event: dict[str, Any]) -> Future[Any]:
        """Record an invocation and leave it open."""
        invocation = Invocation(event, Future())
        self._invocations.put(invocation)
        return invocation.future

    def next(self, timeout: float = WAIT_SECONDS) -> Invocation:
        """Take the next invocation, waiting for it; `queue.Empty` if none comes."""
        return self._invocations.get(timeout=timeout)


def send(sqs: SQSClient, queue_url: str, group: str, *bodies: str) -> None:
    """Send messages to one group, in order."""
    for body in bodies:
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=body,
            MessageGroupId=group,
            MessageDeduplicationId=f"{group}-{body}",
        )


def counts(sqs: SQSClient, queue_url: str) -> tuple[int, int]:
    """Return how many messages are visible, and how many are in flight."""
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    return (
        int(attributes["ApproximateNumberOfMessages"]),
        int(attributes["ApproximateNumberOfMessagesNotVisible"]),
    )


def refuse_visibility(*, params: dict[str, Any], **_: Any) -> None:
    """Refuse a visibility timeout that SQS would, and the embedded AWS takes.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
    """
    for entry in (params, *params.get("Entries", ())):
        seconds = entry.get("VisibilityTimeout", 0)
        assert 0 <= seconds <= 43_200, f"{seconds} s is no visibility timeout"


def assert_quiet(function: ScriptedFunction) -> None:
    """Assert that no invocation comes for as long as several looks into the queue take."""
    with suppress(queue.Empty):
        pytest.fail(f"unexpected invocation with {function.next(QUIET_SECONDS).bodies}")
