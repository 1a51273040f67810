"""Contract of the job queue."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from chalicelib.adapters.sqs import SqsJobQueue
from chalicelib.core.errors import UnavailableError
from chalicelib.core.events import QueueRecord
from chalicelib.core.jobs import (
    EndJob,
    FanoutJob,
    MessageJob,
    PresenceJob,
    RetryJob,
    SignalJob,
    decode,
    encode,
)
from chalicelib.core.model import (
    ApiStage,
    ConnectionId,
    Epoch,
    Member,
    MembershipVersion,
    Message,
    Protocol,
    RoomId,
    SequencedMessage,
    SlotRange,
    User,
    UserId,
)
from chalicelib.core.room_update import RoomUpdate, SignalSent
from tests.support.strict_sqs import FORBIDDEN, MESSAGE_BYTES, StrictSqs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_sqs import SQSClient

    from chalicelib.core.jobs import Job

ORIGIN = ApiStage("a1b2c3d4e5", "api")
ADA = User(UserId("user-1"), "Ada")
CONNECTION = ConnectionId("PJqB0fHsqRcCHlw=")
MEMBER = Member(CONNECTION, ADA, Protocol.V1, ORIGIN, 1_795_543_900_000, 1_795_547_500)


def message(text: str = "hi", message_id: str = "1", room: str = "lobby") -> Message:
    """A message on its way."""
    return Message(
        id=message_id,
        room=RoomId(room),
        type="chat",
        text=text,
        user=ADA,
        sender=CONNECTION,
        sent_at=1_795_543_906_000,
        api_stage=ORIGIN,
    )


def job(text: str = "hi", message_id: str = "1", room: str = "lobby") -> MessageJob:
    """A job to broadcast a text."""
    said = message(text, message_id, room)
    return MessageJob(room=said.room, id=said.key, message=said)


@pytest.fixture
def sqs() -> Iterator[SQSClient]:
    """An SQS without any queue."""
    with mock_aws():
        yield boto3.client("sqs")


class Queues:
    """A FIFO queue and its dead-letter queue, with a job queue on them."""

    def __init__(self, sqs: SQSClient) -> None:
        self.sqs = sqs
        self.jobs, self.dead = (
            sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
            for name in ("jobs.fifo", "dead.fifo")
        )
        self.job_queue = SqsJobQueue(sqs, lambda: self.jobs, lambda: self.dead)

    def receive(self, url: str) -> list[Any]:
        """Every message that a queue hands over now."""
        answer = self.sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def received(self) -> list[Job]:
        """Every job that is handed over now."""
        return [decode(message["Body"]) for message in self.receive(self.jobs)]


@pytest.fixture
def queues(sqs: SQSClient) -> Queues:
    """Empty queues."""
    return Queues(sqs)


def record(message: dict[str, Any]) -> QueueRecord:
    """A received message, as the event source mapping gives it to a function."""
    return QueueRecord(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        attributes=message["Attributes"],
    )


@pytest.mark.parametrize(
    "job",
    [
        job(),
        job("£ 😀 漢字"),
        job("\x00\x1f\ufffe\uffff"),
        job('"\\</script>'),
        job(""),
        SignalJob(RoomId("tea"), "1", SignalSent('{"typing":true}', ADA, CONNECTION, 7)),
        PresenceJob(RoomId("tea"), "1", joined=(ADA,), left=(ADA, ADA)),
        RetryJob(
            RoomId("tea"),
            "1",
            (SequencedMessage(7, Epoch("e"), message()),),
            (MEMBER,),
            attempt=2,
        ),
        EndJob(RoomId("tea"), "1", (MEMBER,), level=2, closes=True),
    ],
)
def test_a_job_arrives_as_it_was_published(queues: Queues, job: Job) -> None:
    """Any job, with any text that JSON can carry, survives the queue, even what XML lacks."""
    queues.job_queue.publish(job)
    assert queues.received() == [job]
    assert not FORBIDDEN.search(encode(job))


def test_one_message_id_is_one_message(queues: Queues) -> None:
    """The same id in the same room is queued once, and in another room it is another message."""
    queues.job_queue.publish(job("first", message_id="7"))
    queues.job_queue.publish(job("again", message_id="7"))
    queues.job_queue.publish(job("elsewhere", message_id="7", room="attic"))
    jobs = queues.received()
    assert {one.message.text for one in jobs if isinstance(one, MessageJob)} == {
        "first",
        "elsewhere",
    }


def test_rooms_do_not_wait_for_each_other(queues: Queues) -> None:
    """A room is one group, any other room is another, and retries do not hold up their room."""
    for one in (
        job(message_id="1"),
        job(message_id="2"),
        job(room="漢字 " * 16),
        RetryJob(RoomId("lobby"), "r", (), (), attempt=1),
    ):
        queues.job_queue.publish(one)
    groups = [one["Attributes"]["MessageGroupId"] for one in queues.receive(queues.jobs)]
    assert len(groups) == 4
    assert len(set(groups)) == 3


def test_many_jobs_are_queued_in_as_few_calls_as_they_fit_into(queues: Queues) -> None:
    """Ten to a call, or fewer where they are long, and each arrives once."""
    calls: list[str] = []
    queues.sqs.meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    long = "x" * (300 * 1024)
    queues.job_queue.publish_all([job(long, str(number), room=f"r{number}") for number in range(5)])
    queues.job_queue.publish_all([job("hi", f"s{n}", room=f"s{n}") for n in range(13)])
    assert calls.count("SendMessageBatch") == 2 + 2
    arrived = [*queues.received(), *queues.received(), *queues.received()]
    assert len(arrived) == 18


def test_what_is_buried_lies_in_the_dead_letter_queue_with_its_reason(queues: Queues) -> None:
    """People find the record as it was, and why it could not be carried out."""
    queues.sqs.send_message(
        QueueUrl=queues.jobs, MessageBody="no job", MessageGroupId="g", MessageDeduplicationId="d"
    )
    [received] = queues.receive(queues.jobs)
    queues.job_queue.dead_letter(record(received), "It is no job.")
    [buried] = queues.receive(queues.dead)
    assert buried["Body"] == "no job"
    assert buried["MessageAttributes"]["reason"]["StringValue"] == "It is no job."


def test_deleted_records_do_not_come_again_and_delayed_ones_do(queues: Queues) -> None:
    """Part of a batch is taken off the queue, and the rest comes again when it is told to."""
    queues.job_queue.publish(job("done", message_id="1"))
    queues.job_queue.publish(job("failed", message_id="2"))
    done, failed = (record(one) for one in queues.receive(queues.jobs))
    queues.job_queue.delete([done])
    queues.job_queue.delay([failed], 0)
    [again] = queues.receive(queues.jobs)
    assert again["MessageId"] == failed.message_id
    assert record(again).receive_count == 2


def test_a_queue_that_fails_is_unavailable(sqs: SQSClient, queues: Queues) -> None:
    """An AWS error becomes the project's own, in every method."""
    queues.job_queue.publish(job())
    [received] = queues.receive(queues.jobs)
    sqs.delete_queue(QueueUrl=queues.jobs)
    sqs.delete_queue(QueueUrl=queues.dead)
    calls: list[Callable[[], None]] = [
        lambda: queues.job_queue.publish(job()),
        lambda: queues.job_queue.publish_all([job()]),
        lambda: queues.job_queue.dead_letter(record(received), "no reason"),
        lambda: queues.job_queue.delete([record(received)]),
        lambda: queues.job_queue.delay([record(received)], 1),
    ]
    for call in calls:
        with pytest.raises(UnavailableError, match="queue did not"):
            call()


@pytest.mark.parametrize(
    ("one", "group"),
    [
        (job(), "lobby"),
        (SignalJob(RoomId("lobby"), "1", SignalSent("1", ADA, CONNECTION, 7)), "lobby\nlive"),
        (PresenceJob(RoomId("lobby"), "1"), "lobby\nlive"),
        (
            FanoutJob(
                RoomId("lobby"),
                "1",
                RoomUpdate(),
                SlotRange(0x0000, 0x7FFF),
                MembershipVersion(Epoch("e"), 1, 2_000, 500, level=1),
            ),
            "lobby\n00007fff",
        ),
        (RetryJob(RoomId("lobby"), "1", (), (MEMBER, MEMBER), attempt=1), "lobby\nretry"),
        (RetryJob(RoomId("lobby"), "1", (), (MEMBER,), attempt=1), f"lobby\n{CONNECTION}"),
        (EndJob(RoomId("lobby"), "1", (MEMBER,), level=0, closes=False), "lobby\nend"),
    ],
)
def test_a_job_waits_in_its_group(one: Job, group: str) -> None:
    """Messages of a room share one order; what must not hold them up has groups of its own."""
    assert one.group == group


def test_a_span_is_a_group_on_the_queue(queues: Queues) -> None:
    """Jobs of two slot ranges are handed to two workers, those of one slot range to the same."""
    slot_ranges = (SlotRange(0, 0x7FFF), SlotRange(0x8000, 0xFFFF), SlotRange(0, 0x7FFF))
    membership_version = MembershipVersion(Epoch("e"), 1, 2_000, 500, level=1)
    queues.job_queue.publish_all(
        [
            FanoutJob(RoomId("lobby"), str(number), RoomUpdate(), slots, membership_version)
            for number, slots in enumerate(slot_ranges)
        ]
    )
    groups = {
        cast("FanoutJob", decode(one["Body"])).id: one["Attributes"]["MessageGroupId"]
        for one in queues.receive(queues.jobs)
    }
    assert groups["0"] == groups["2"] != groups["1"]


@pytest.fixture
def strict() -> StrictSqs:
    """An SQS that keeps to its limits, and refuses entries when told so."""
    return StrictSqs()


def job_queue(strict: StrictSqs) -> SqsJobQueue:
    """A job queue on it."""
    return SqsJobQueue(cast("SQSClient", strict), lambda: "jobs", lambda: "dead")


def records(count: int) -> list[QueueRecord]:
    """Records that were received."""
    return [QueueRecord(f"id-{n}", f"receipt-{n}", "", {}) for n in range(count)]


def test_jobs_that_the_queue_refuses_are_noticed_and_can_be_queued_again(
    strict: StrictSqs,
) -> None:
    """A call that succeeds for some entries only raises; asked again, every job is queued once."""
    jobs = [job(message_id=str(number)) for number in range(13)]
    strict.refused = {2, 5}
    with pytest.raises(UnavailableError, match="2 refused, the first for InternalError"):
        job_queue(strict).publish_all(jobs)
    job_queue(strict).publish_all(jobs)
    queued = [decode(body).id for body in strict.bodies]
    assert sorted(queued) == sorted(one.id for one in jobs)


def test_a_batch_is_measured_in_bytes(strict: StrictSqs) -> None:
    """Characters of two bytes fill a batch at half their number, and attributes count as well."""
    jobs = [job("Ж" * (MESSAGE_BYTES // 5), message_id=str(number)) for number in range(3)]
    job_queue(strict).publish_all(jobs)
    assert [len(call) for call in strict.calls] == [2, 1]
    empty = len(encode(job("", message_id="0")).encode())
    exact = [job("x" * (MESSAGE_BYTES // 4 - empty), message_id=str(n)) for n in range(3, 7)]
    assert sum(len(encode(one).encode()) for one in exact) == MESSAGE_BYTES
    job_queue(strict).publish_all(exact)
    assert [decode(body) for body in strict.bodies] == jobs + exact


def test_records_that_the_queue_neither_deletes_nor_delays_are_noticed(strict: StrictSqs) -> None:
    """The caller learns that some come again later than it meant."""
    calls: list[Callable[[], None]] = [
        lambda: job_queue(strict).delete(records(2)),
        lambda: job_queue(strict).delay(records(2), 4),
    ]
    for call in calls:
        strict.refused = {1}
        with pytest.raises(UnavailableError, match="1 refused"):
            call()


def test_more_records_than_one_call_takes_are_deleted_and_delayed(strict: StrictSqs) -> None:
    """Ten go to a call, in order, each once."""
    job_queue(strict).delete(records(23))
    job_queue(strict).delay(records(23), 4)
    assert [len(call) for call in strict.calls] == [10, 10, 3] * 2
    for half in (strict.calls[:3], strict.calls[3:]):
        handles = [entry["ReceiptHandle"] for call in half for entry in call]
        assert handles == [f"receipt-{n}" for n in range(23)]
    assert {entry["VisibilityTimeout"] for call in strict.calls[3:] for entry in call} == {4}


def test_a_queue_that_is_out_of_reach_is_unavailable() -> None:
    """No answer at all becomes the project's own error, in every method."""
    with socket.socket() as closed:
        # Bound and not listening: connections are refused, and nobody else gets the port.
        closed.bind(("127.0.0.1", 0))
        client = boto3.client(
            "sqs",
            endpoint_url=f"http://127.0.0.1:{closed.getsockname()[1]}",
            config=Config(retries={"total_max_attempts": 1}),
        )
        unreachable = SqsJobQueue(client, lambda: "jobs", lambda: "dead")
        calls: list[Callable[[], None]] = [
            lambda: unreachable.publish(job()),
            lambda: unreachable.publish_all([job()]),
            lambda: unreachable.dead_letter(records(1)[0], "no reason"),
            lambda: unreachable.delete(records(1)),
            lambda: unreachable.delay(records(1), 1),
        ]
        for call in calls:
            with pytest.raises(UnavailableError, match="queue did not"):
                call()
        client.close()
