"""Event source mapping: Lambda's pollers between an SQS queue and a function."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from apigw_local.console import hints
from apigw_local.console.log_events import LogEvent, count
from apigw_local.faults import NO_FAULTS, FaultInjector, FaultSettings
from apigw_local.lambda_ import invocation_chain
from apigw_local.sqs import records

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_log = logging.getLogger("apigw_local.sqs.event_source_mapping")

_RECEIVE_LIMIT = 10  # SQS hands out no more at a time


class Function(Protocol):
    """Lambda function, as a mapping invokes it."""

    name: str
    patience: float

    def invoke(self, event: dict[str, Any]) -> Future[Any]:
        """Run the handler; the future raises what the handler raised."""


class EventSourceMapping:
    """Event source mapping: hands a queue's messages to a function in batches until it stops.

    Pollers take turns at the queue: the one that receives a batch leaves its turn to the next
    and sees its batch through. The queue keeps a FIFO group's later messages back for as long,
    so each group has one batch in flight. Batches that succeed are deleted; a batch that fails,
    or outlives the function's timeout, is left alone, and the queue shows it again after its
    visibility timeout or moves it to the dead-letter queue.

    The queue is asked without waiting, since a long poll that is abandoned may still receive
    messages for nobody, and MiniStack looks only each 100 ms in one. `poll_now` makes up for it.

    Attributes:
        client: the SQS client.
        queue_url: the queue.
        faults: the injector, with counts of the injected faults.
    """

    def __init__(
        self,
        client: SQSClient,
        queue_url: str,
        function: Function,
        *,
        batch_size: int = 10,
        maximum_concurrency: int | None = None,
        fault_settings: FaultSettings = NO_FAULTS,
        idle_seconds: float = 0.1,
        retry_seconds: float = 1.0,
    ) -> None:
        """Connect a queue and a function.

        Args:
            client: an SQS client of its own, with at least `maximum_concurrency` connections.
            queue_url: the queue.
            function: the function that gets the batches.
            batch_size: the most records of one batch; beyond 10 counts as 10.
            maximum_concurrency: the most batches in flight, 10 if None.
            fault_settings: the faults to inject, and whether `batchItemFailures` are heeded.
            idle_seconds: from one look into an empty queue to the next, which is how late it sees
                what it isn't told of: a message from another process, or one that has become
                visible again.
            retry_seconds: the pause of a poller after an error of the queue.
        """
        self.faults = FaultInjector(fault_settings)
        self.client = client
        self.queue_url = queue_url
        self._function = function
        self._batch_size = min(batch_size, _RECEIVE_LIMIT)
        self._idle_seconds = idle_seconds
        self._retry_seconds = retry_seconds
        self._pollers = [
            threading.Thread(target=self._poll, name=f"{function.name}-poller", daemon=True)
            for _ in range(maximum_concurrency or 10)
        ]
        self._turn = threading.Lock()
        self._wake_up = threading.Event()
        self._stopping = threading.Event()
        self._cut_off: Future[None] = Future()
        self._queue_arn = ""

    def start(self) -> None:
        """Begin to poll.

        Raises:
            botocore.exceptions.ClientError: there is no such queue.
        """
        answer = self.client.get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=["QueueArn"]
        )
        self._queue_arn = answer["Attributes"]["QueueArn"]
        for poller in self._pollers:
            poller.start()

    def poll_now(self) -> None:
        """Poll now: a message was sent to this queue, or to another."""
        self._wake_up.set()

    def stop(self, timeout: float) -> None:
        """Receive nothing more and let the batches in flight finish.

        Args:
            timeout: seconds to wait for them. What isn't finished then is visible in the queue
                again at once. A second call changes nothing.
        """
        deadline = time.monotonic() + timeout
        self._stopping.set()
        self.poll_now()
        for poller in self._pollers:
            poller.join(max(0.0, deadline - time.monotonic()))
        if not self._cut_off.done():
            self._cut_off.set_result(None)
        for poller in self._pollers:
            poller.join()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            try:
                if messages := self._receive():
                    self._process(messages)
            except (BotoCoreError, ClientError) as error:
                _log.warning("%s can't use its queue: %s", self._function.name, error)
                self._stopping.wait(self._retry_seconds)

    def _receive(self) -> list[MessageTypeDef]:
        with self._turn:
            while not self._stopping.is_set():
                self._wake_up.clear()  # before looking, so that no call of `poll_now` is missed
                answer = self.client.receive_message(
                    QueueUrl=self.queue_url,
                    MaxNumberOfMessages=self._batch_size,
                    MessageSystemAttributeNames=["All"],
                    MessageAttributeNames=["All"],
                    WaitTimeSeconds=0,
                )
                if messages := answer.get("Messages"):
                    return messages
                self._wake_up.wait(self._idle_seconds)
        return []

    def _process(self, messages: list[MessageTypeDef]) -> None:
        if delay := self.faults.delivery_delay():
            self._stopping.wait(delay)
        started = time.perf_counter()
        event = records.event(messages, self._queue_arn)
        if self._stopping.is_set():
            outcome = self._hand_back(messages)
        elif self._ends_chain(event):
            outcome = "fail, not handed over: a recursive loop"
        else:
            outcome = self._deliver(messages, event)
        self.poll_now()  # the groups of this batch may have more
        status, comma, more = outcome.partition(",")
        _log.info(
            LogEvent(
                "batch",
                function=self._function.name,
                status=status,
                milliseconds=(time.perf_counter() - started) * 1000,
                detail=f"{count(len(messages), 'record')} of {self._queue}{comma}{more}",
                failed=status == "fail",
                event=event,
            )
        )

    @property
    def _queue(self) -> str:
        return self._queue_arn.rpartition(":")[2]

    def _ends_chain(self, event: dict[str, Any]) -> bool:
        """Hint at a recursive loop; return whether the batch is withheld."""
        if invocation_chain.length(event, self._function.name) < invocation_chain.LIMIT:
            return False
        _log.info(hints.recursive_loop(self._function.name, self._queue, invocation_chain.LIMIT))
        return self.faults.settings.stop_recursive_loops

    def _deliver(self, messages: list[MessageTypeDef], event: dict[str, Any]) -> str:
        invocation = self._function.invoke(event)
        wait((invocation, self._cut_off), self._function.patience, FIRST_COMPLETED)
        if invocation.done():
            return self._settle(messages, invocation)
        if self._cut_off.done():
            return self._hand_back(messages)
        return f"fail, timed out after {self._function.patience:g} s"

    def _settle(self, messages: list[MessageTypeDef], invocation: Future[Any]) -> str:
        if invocation.exception() is not None:
            return "fail"
        failed: set[str] = set()
        if self.faults.settings.report_batch_item_failures:
            failed = records.unprocessed(
                invocation.result(), {message["MessageId"] for message in messages}
            )
        elif isinstance(answer := invocation.result(), dict) and answer.get("batchItemFailures"):
            _log.info(hints.failures_ignored(self._function.name))
        done = [message for message in messages if message["MessageId"] not in failed]
        if done and self._repeats(messages):
            self._hand_back(done)
            return "ok, to come again"
        if done:
            self.client.delete_message_batch(
                QueueUrl=self.queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(done)
                ],
            )
        return f"fail, {count(len(failed), 'record')} failed" if failed else "ok"

    def _repeats(self, messages: list[MessageTypeDef]) -> bool:
        receipts = {message["Attributes"]["ApproximateReceiveCount"] for message in messages}
        return receipts == {"1"} and self.faults.repeats_delivery()

    def _hand_back(self, messages: list[MessageTypeDef]) -> str:
        self.client.change_message_visibility_batch(
            QueueUrl=self.queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": m["ReceiptHandle"], "VisibilityTimeout": 0}
                for index, m in enumerate(messages)
            ],
        )
        return "back, since this is stopping"
