"""Broadcasts amid failures, over fakes in memory."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import BatchError, UnavailableError
from chalicelib.core.events import QueueEvent, QueueRecord
from chalicelib.core.fanout import Fanout
from chalicelib.core.jobs import (
    RECEIVE_BATCH,
    EndJob,
    FanoutJob,
    MessageJob,
    PresenceJob,
    RetryJob,
    SignalJob,
    encode,
)
from chalicelib.core.limits import HANDSHAKE_SECONDS
from chalicelib.core.model import (
    ApiStage,
    Connection,
    ConnectionId,
    Member,
    Message,
    Protocol,
    RoomId,
    SequencedMessage,
    SlotRange,
    User,
    UserId,
    Wait,
)
from chalicelib.core.numbering import assign_numbers
from chalicelib.core.ports.meter import Metric
from chalicelib.core.ports.poster import Reason
from chalicelib.core.protocol import MESSAGE_LIMIT
from chalicelib.core.room_update import LIVE, RoomUpdate, SignalSent
from chalicelib.core.shards import WHOLE, ShardState
from chalicelib.service.backlog import SIGNALS_WAIT
from chalicelib.service.broadcast import (
    BATCH_TIME,
    LATE,
    LONGEST_DELAY,
    MOST_TIMES,
    POSTING_SHARE,
)
from chalicelib.service.delivery import ATTEMPTS, FORGOTTEN_AT_ONCE
from chalicelib.service.runtime import Runtime
from chalicelib.service.use_cases import Adapters, UseCases
from tests.support.builders import gateway_id
from tests.support.fake_meter import FakeMeter
from tests.support.fakes import MemoryJobQueue, MemoryPoster, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.core.jobs import Job
    from chalicelib.core.model import RoomHead
    from chalicelib.core.ports.authenticator import Authenticator

NOW = 1_795_543_903.0
ORIGIN = ApiStage("a1b2c3d4e5", "api")
TEA, COFFEE = RoomId("tea"), RoomId("coffee")


class BrokenStore(MemoryStore):
    """A store in which some rooms cannot be numbered, and people not found or forgotten."""

    broken: frozenset[RoomId] = frozenset()
    contested: frozenset[RoomId] = frozenset()
    forgetful = True
    findable = True
    busy_until = 0.0

    def connection(self, connection_id: ConnectionId) -> Connection | None:
        """Fail when told so."""
        if not self.findable:
            raise UnavailableError("throttled")
        self._be_busy()
        return super().connection(connection_id)

    def append(self, messages: Sequence[SequencedMessage]) -> None:
        """Fail for the broken rooms."""
        if messages[0].message.room in self.broken:
            raise UnavailableError("throttled")
        super().append(messages)

    def advance(self, room: RoomId, before: RoomHead, after: RoomHead) -> RoomHead | None:
        """Have been overtaken, when told so."""
        return None if room in self.contested else super().advance(room, before, after)

    def forget_all(self, members: Sequence[Member], room: RoomId, level: int) -> Any:
        """Fail when told so."""
        if not self.forgetful:
            raise UnavailableError("throttled")
        self._be_busy()
        return super().forget_all(members, room, level)

    def _be_busy(self) -> None:
        while time.monotonic() < self.busy_until:
            pass


class BrokenOutbox(MemoryJobQueue):
    """a job queue some of whose methods fail."""

    broken: frozenset[str] = frozenset()

    def publish(self, job: Job) -> None:
        """Fail when told so."""
        self._check("publish")
        super().publish(job)

    def dead_letter(self, record: QueueRecord, reason: str) -> None:
        """Fail when told so."""
        self._check("dead_letter")
        super().dead_letter(record, reason)

    def delete(self, records: Sequence[QueueRecord]) -> None:
        """Fail when told so."""
        self._check("delete")
        super().delete(records)

    def _check(self, method: str) -> None:
        if method in self.broken:
            raise UnavailableError("no answer")


@dataclass
class Scene:
    """A broadcast over twins."""

    store: BrokenStore = field(default_factory=lambda: BrokenStore(lambda: NOW))
    job_queue: BrokenOutbox = field(default_factory=BrokenOutbox)
    poster: MemoryPoster = field(default_factory=MemoryPoster)
    other_poster: MemoryPoster = field(default_factory=MemoryPoster)
    fanout: Fanout = field(default_factory=Fanout)
    slept: list[float] = field(default_factory=list)
    meter: FakeMeter = field(default_factory=FakeMeter)
    now: float = NOW

    def __post_init__(self) -> None:
        def clock() -> float:
            return self.now

        runtime = Runtime(self.meter, clock, lambda: "id", self.slept.append)
        adapters = Adapters(self.store, self.job_queue, self.poster_of, cast("Authenticator", None))
        self.use_cases = UseCases(adapters, runtime, fanout=self.fanout)

    def poster_of(self, api_stage: ApiStage) -> MemoryPoster:
        """The poster of each API."""
        return self.poster if api_stage == ORIGIN else self.other_poster

    def join(
        self,
        name: str,
        room: RoomId = TEA,
        protocol: Protocol = Protocol.V1,
        api_stage: ApiStage = ORIGIN,
        connected_at: float = NOW,
    ) -> ConnectionId:
        """Let somebody join a room."""
        connection = Connection(
            gateway_id(name),
            User(UserId(name), name),
            protocol,
            int(connected_at * 1000),
            api_stage,
        )
        known = self.store.connection(connection.id)
        if known is None:
            self.store.add(connection)
        self.store.join(known or connection, room)
        return connection.id

    def members(self, room: RoomId = TEA) -> set[ConnectionId]:
        """The connections of a room."""
        return {member.id for member in self.store.members(room, WHOLE, SlotRange())}

    def run(self, *records: QueueRecord, remaining: float = 30.0) -> None:
        """Broadcast a batch."""
        self.use_cases.broadcast.handle(QueueEvent(list(records)), remaining)

    def seqs(self, connection_id: ConnectionId) -> list[int]:
        """The numbers of the messages that a connection has received."""
        return [one["seq"] for one in self.told(connection_id) if one["type"] == "message"]

    def told(self, connection_id: ConnectionId) -> list[Any]:
        """The objects that a connection has received."""
        frames = [json.loads(frame) for frame in self.poster.received[connection_id]]
        return [one for frame in frames for one in (frame if isinstance(frame, list) else [frame])]


@pytest.fixture
def scene() -> Scene:
    """Ada in both rooms."""
    scene = Scene()
    for room in (TEA, COFFEE):
        scene.join("Ada", room)
    return scene


ADA = gateway_id("Ada")
SENDER = gateway_id("Sender")


def record(job: Job | str, number: int = 1, received: int = 1, sent_at: float = NOW) -> QueueRecord:
    """A job as the mapping delivers it."""
    body = job if isinstance(job, str) else encode(job)
    attributes = {
        "ApproximateReceiveCount": str(received),
        "SentTimestamp": str(int(sent_at * 1000)),
    }
    return QueueRecord(f"id-{number}", f"receipt-{number}", body, attributes)


def said(number: int, room: RoomId = TEA) -> MessageJob:
    """A job with a message."""
    user = User(UserId("sender"), "Sender")
    message = Message(
        f"m-{number}", room, "chat", "hi", user, SENDER, int(NOW * 1000), api_stage=ORIGIN
    )
    return MessageJob(room, message.key, message)


def signalled(sent_at: float = NOW) -> SignalJob:
    """A job with a signal."""
    user = User(UserId("sender"), "Sender")
    return SignalJob(TEA, "s", SignalSent('{"typing":true}', user, SENDER, int(sent_at * 1000)))


def test_a_room_that_cannot_be_numbered_does_not_cost_the_others(scene: Scene) -> None:
    """The other rooms are served and deleted, the failed room comes again soon, and it raises."""
    scene.store.broken = frozenset({TEA})
    tea = [record(said(1), 1, received=2), record(said(2), 2, received=1)]
    coffee = record(said(3, COFFEE), 3)
    with pytest.raises(BatchError, match="2 records come again within 4 s; 1 are done"):
        scene.run(tea[0], coffee, tea[1])
    assert scene.job_queue.deleted == [coffee]
    assert scene.job_queue.delayed == [(tea[0], 4), (tea[1], 4)]
    assert scene.seqs(ADA) == [1]


def test_failed_records_are_reported_where_the_mapping_heeds_them(scene: Scene) -> None:
    """Every record of the failed group is returned, so that none overtakes another; none raises."""
    broadcast = replace(scene.use_cases.broadcast, reports_failures=True)
    scene.store.broken = frozenset({TEA})
    tea = [record(said(1), 1, received=2), record(said(2), 2)]
    event = QueueEvent([tea[0], record(said(3, COFFEE), 3), tea[1]])
    assert broadcast.handle(event, 30.0) == ["id-1", "id-2"]
    assert scene.job_queue.deleted == []
    assert [one for one, _ in scene.job_queue.delayed] == tea
    scene.store.broken = frozenset()
    assert broadcast.handle(QueueEvent(tea), 30.0) == []


def test_the_delay_grows_but_not_without_end(scene: Scene) -> None:
    """A table that stays throttled is asked ever more rarely, up to once a minute."""
    scene.store.broken = frozenset({TEA})
    for received in (1, 3, 9):
        with pytest.raises(BatchError):
            scene.run(record(said(1), received=received))
    assert [seconds for _, seconds in scene.job_queue.delayed] == [2, 8, LONGEST_DELAY]


def test_a_room_that_fails_waits_no_longer_for_a_retry_that_has_failed_often(scene: Scene) -> None:
    """Each group of a batch comes again by how often it has come itself."""
    bob = scene.join("Bob", protocol=Protocol.PLAIN)
    scene.poster.ill[bob] = Reason.GONE
    scene.run(record(said(1)))
    [retry] = scene.job_queue.jobs
    scene.store.broken = frozenset({TEA})
    often, once = record(retry, 1, received=4), record(said(2), 2)
    with pytest.raises(BatchError, match="2 records come again within 16 s; 0 are done"):
        scene.run(often, once)
    assert scene.job_queue.delayed == [(once, 2), (often, 16)]


def test_messages_wait_for_no_retry_of_their_batch(scene: Scene) -> None:
    """A retry may take all the time that there is; the room is numbered and told before."""
    bob = scene.join("Bob")
    scene.poster.ill[bob] = Reason.THROTTLED
    scene.run(record(said(1)))
    [retry] = scene.job_queue.jobs
    scene.poster.ill.clear()
    scene.run(record(retry, 1), record(said(2), 2))
    assert scene.seqs(bob) == [2, 1]


def test_the_failed_room_goes_on_where_it_was(scene: Scene) -> None:
    """The same batch gets its numbers as if nothing had been, once the table answers again."""
    scene.store.broken = frozenset({TEA})
    batch = [record(said(number), number) for number in (1, 2)]
    with pytest.raises(BatchError):
        scene.run(*batch)
    scene.store.broken = frozenset()
    scene.run(*batch)
    assert scene.seqs(ADA) == [1, 2]


def test_nothing_is_lost_when_the_queue_does_not_answer_either(scene: Scene) -> None:
    """All records come again if the done ones can't be deleted, and numbers stay as they are."""
    scene.store.broken = frozenset({TEA})
    scene.job_queue.broken = frozenset({"delete"})
    batch = [record(said(1), 1), record(said(2, COFFEE), 2)]
    with pytest.raises(BatchError, match="visibility timeout"):
        scene.run(*batch)
    scene.store.broken = frozenset()
    scene.run(*batch)
    assert [one["seq"] for one in map(json.loads, scene.poster.received[ADA])] == [1, 1, 1]


def test_an_unreadable_record_is_buried_at_once(scene: Scene) -> None:
    """It goes to the dead-letter queue with its reason, and its batch succeeds."""
    scene.run(record("{", 1), record('{"type":"message"}', 2), record(said(1), 3))
    assert [buried.message_id for buried, _ in scene.job_queue.buried] == ["id-1", "id-2"]
    assert all(reason for _, reason in scene.job_queue.buried)
    assert scene.seqs(ADA) == [1]


def test_an_unreadable_record_that_cannot_be_buried_comes_again(scene: Scene) -> None:
    """Nothing disappears: what is done is deleted, and the bad record is delivered again."""
    scene.job_queue.broken = frozenset({"dead_letter"})
    bad, good = record("{", 1), record(said(1), 2)
    with pytest.raises(BatchError):
        scene.run(bad, good)
    assert scene.job_queue.deleted == [good]
    assert [one for one, _ in scene.job_queue.delayed] == [bad]


def test_members_that_missed_a_message_get_a_retry_job_of_their_own(scene: Scene) -> None:
    """The job names only those members, and the attempts are bounded."""
    bob = scene.join("Bob")
    scene.poster.ill[bob] = Reason.THROTTLED
    scene.run(record(said(1)))
    for attempt in range(1, ATTEMPTS + 1):
        [job] = scene.job_queue.jobs
        assert isinstance(job, RetryJob)
        assert (job.attempt, [member.id for member in job.members]) == (attempt, [bob])
        scene.job_queue.jobs.clear()
        scene.run(record(job))
    assert scene.job_queue.jobs == []
    assert scene.seqs(ADA) == [1]


def test_a_retry_brings_the_message_with_its_number(scene: Scene) -> None:
    """A retry posts what was missed, and nobody else gets it again."""
    bob = scene.join("Bob")
    scene.poster.ill[bob] = Reason.TIMED_OUT
    scene.run(record(said(1)), record(said(2), 2))
    scene.poster.ill.clear()
    scene.run(record(scene.job_queue.jobs.pop()))
    assert scene.seqs(bob) == [1, 2]
    assert scene.seqs(ADA) == [1, 2]


def test_signals_are_not_tried_again(scene: Scene) -> None:
    """A signal that could not be posted is old by the time it could."""
    scene.poster.ill[ADA] = Reason.THROTTLED
    scene.run(record(signalled()))
    assert scene.job_queue.jobs == []


def test_failures_after_the_numbers_raise_nothing(scene: Scene) -> None:
    """Neither a retry that can't be queued nor a 410 that can't be noted repeats the batch."""
    bob = scene.join("Bob")
    scene.poster.ill = {ADA: Reason.GONE, bob: Reason.THROTTLED}
    scene.job_queue.broken = frozenset({"publish"})
    scene.store.forgetful = False
    scene.run(record(said(1)))
    assert scene.members() == {ADA, bob}
    assert "queue missed posts again" in scene.meter.swallowed


def test_gone_members_are_forgotten_and_the_others_told(scene: Scene) -> None:
    """After a 410 the member is out of every room, and the room hears of it."""
    bob = scene.join("Bob")
    scene.poster.ill[ADA] = Reason.GONE
    scene.run(record(said(1)))
    assert scene.members() == {bob}
    assert scene.members(COFFEE) == set()
    [news] = scene.job_queue.jobs
    assert isinstance(news, PresenceJob)
    assert (news.room, [user.username for user in news.left]) == (TEA, ["Ada"])


def test_a_large_room_hears_only_how_many_there_are(scene: Scene) -> None:
    """Above 200 members no names are told, and the number rides along with a message once."""
    for number in range(210):
        scene.join(f"c{number}")
    scene.run(record(PresenceJob(TEA, "p", joined=(User(UserId("u"), "U"),))))
    assert scene.poster.received == {}
    scene.run(record(said(1)))
    scene.run(record(said(2)))
    first, second = (json.loads(frame) for frame in scene.poster.received[ADA])
    assert [one["type"] for one in first] == ["message", "presence"]
    assert (first[1]["members"], first[1]["joined"], first[1]["left"]) == (211, [], [])
    assert second["type"] == "message"


def test_a_wrong_number_of_members_is_mended(scene: Scene) -> None:
    """Deaths between two writes make the count drift; the next reading of the members sets it."""
    kept: RoomHead | None = scene.store.rooms[TEA].head
    assert kept is not None
    scene.store.repair_member_count(TEA, WHOLE, ShardState(kept.version, 40))
    scene.run(record(said(1)))
    assert scene.store.head(TEA).members == 1


def large_room(leaf: int = 4, members: int = 30) -> tuple[Scene, set[ConnectionId]]:
    """A room that needs a tree of workers."""
    scene = Scene(fanout=Fanout(leaf=leaf, branching=3))
    return scene, {scene.join(f"c{number}") for number in range(members)}


def run_queued(scene: Scene) -> int:
    """Carry out the jobs that are queued, and those that they queue; return how many there were."""
    count = 0
    while scene.job_queue.jobs:
        jobs, scene.job_queue.jobs = scene.job_queue.jobs, []
        for job in jobs:
            count += 1
            scene.run(record(job))
    return count


def test_a_large_room_is_served_by_a_tree_of_workers() -> None:
    """Each member gets the message once; the first worker posts nothing itself."""
    scene, members = large_room()
    scene.run(record(said(1)))
    assert len(scene.job_queue.jobs) == 3
    assert scene.poster.received == {}
    assert run_queued(scene) == 3 + 9
    assert {one for one in members if scene.seqs(one) == [1]} == members


def test_the_sender_that_has_left_gets_one_ack_from_the_tree() -> None:
    """Of all workers one tells a sender that is no member its number."""
    scene, _ = large_room()
    scene.run(record(said(1)))
    run_queued(scene)
    [ack] = map(json.loads, scene.poster.received[SENDER])
    assert (ack["type"], ack["seq"]) == ("ack", 1)


def test_a_batch_that_comes_again_queues_the_same_jobs() -> None:
    """The queue drops the second ones, since their ids are the same."""
    scene, _ = large_room()
    batch = [record(said(number), number) for number in (1, 2)]
    scene.run(*batch)
    first = [job.id for job in scene.job_queue.jobs]
    scene.run(*batch)
    assert [job.id for job in scene.job_queue.jobs[len(first) :]] == first
    assert len(set(first)) == len(first)


def test_what_waits_for_one_worker_shares_a_frame() -> None:
    """A backlog is gathered again at each level: three updates, one post for each member."""
    scene, members = large_room(leaf=100, members=5)
    scene.fanout = Fanout(leaf=100)
    head = scene.store.head(TEA)
    jobs: list[Job] = []
    for number in (1, 2, 3):
        numbering = assign_numbers(scene.store.head(TEA), {}, [said(number).message])
        scene.store.append(numbering.fresh)
        scene.store.advance(TEA, scene.store.head(TEA), numbering.head)
        update = RoomUpdate(numbering.numbered)
        jobs.append(
            FanoutJob(TEA, str(number), update, SlotRange(), head.membership_version(head.members))
        )
    scene.run(*(record(job, number) for number, job in enumerate(jobs)))
    for one in members:
        assert len(scene.poster.received[one]) == 1
        assert scene.seqs(one) == [1, 2, 3]


def backlog(head: RoomHead, text: str) -> list[QueueRecord]:
    """A batch of ten jobs with ten messages each, as a worker of a slot range gathers it."""
    user = User(UserId("sender"), "Sender")
    messages = [
        SequencedMessage(seq, head.epoch, Message(f"m-{seq}", TEA, "chat", text, user, SENDER, 0))
        for seq in range(1, 101)
    ]
    return [
        record(
            FanoutJob(
                TEA,
                str(first),
                RoomUpdate(tuple(messages[first : first + 10])),
                SlotRange(),
                head.membership_version(head.members),
            ),
            first,
        )
        for first in range(0, 100, 10)
    ]


@pytest.mark.parametrize("character", ["x", "\x7f", "Ж", "\x00"])
def test_a_backlog_of_long_messages_reaches_the_next_workers(character: str) -> None:
    """A hundred messages of 16 KB outgrow one job: they are told by several, and none is lost."""
    scene, members = large_room()
    scene.run(
        *backlog(scene.store.head(TEA), character * (MESSAGE_LIMIT // len(character.encode())))
    )
    run_queued(scene)
    for one in members:
        assert scene.seqs(one) == list(range(1, 101))


def test_a_retry_of_long_messages_reaches_all_that_missed_them(scene: Scene) -> None:
    """Hundred long messages that several members have missed are queued again, all of them."""
    missed = [scene.join(name) for name in ("Bob", "Cat", "Dan")]
    scene.poster.ill = dict.fromkeys(missed, Reason.THROTTLED)
    scene.run(*backlog(scene.store.head(TEA), "x" * MESSAGE_LIMIT))
    scene.poster.ill.clear()
    run_queued(scene)
    for one in (ADA, *missed):
        assert scene.seqs(one) == list(range(1, 101))


def test_a_retry_of_thousands_of_members_reaches_each() -> None:
    """Members whose names fill more than one job are posted to once each."""
    scene = Scene(fanout=Fanout(leaf=10_000))
    members = [scene.join(f"{number:05}{'😀' * 35}") for number in range(4_000)]
    scene.poster.ill = dict.fromkeys(members, Reason.THROTTLED)
    scene.run(record(said(1)))
    assert len(scene.job_queue.jobs) > 1
    scene.poster.ill.clear()
    run_queued(scene)
    assert all(scene.seqs(one) == [1] for one in members)


def test_jobs_that_cannot_be_queued_come_again_with_their_batch() -> None:
    """Nothing is deleted until the next workers have their jobs."""
    scene, members = large_room()
    scene.job_queue.broken = frozenset({"publish"})
    batch = record(said(1))
    with pytest.raises(BatchError):
        scene.run(batch)
    scene.job_queue.broken = frozenset()
    scene.run(batch)
    run_queued(scene)
    assert {one for one in members if scene.seqs(one) == [1]} == members


def test_a_busy_room_is_kept_for_a_moment(scene: Scene) -> None:
    """After its posts the worker waits, half a millisecond for each member."""
    for number in range(9):
        scene.join(f"c{number}")
    scene.run(record(said(1)))
    assert scene.slept == [pytest.approx(0.005)]


def test_nobody_waits_where_others_do(scene: Scene) -> None:
    """Not when the batch was full, held another room as well, or had nobody to tell."""
    scene.run(*(record(said(number), number) for number in range(10)))
    scene.run(record(said(20)), record(said(21, COFFEE), 2))
    scene.run(record(said(22, RoomId("empty"))))
    assert sum(scene.slept) == 0


def test_only_the_first_worker_of_a_large_room_waits() -> None:
    """The room is kept once, for all of its members, and no leaf keeps a poller busy."""
    scene, members = large_room()
    scene.run(record(said(1)))
    assert scene.slept == [pytest.approx(0.0005 * len(members))]
    run_queued(scene)
    assert sum(scene.slept[1:]) == 0


OTHER = ApiStage("f6g7h8i9j0", "prod")


def test_each_member_is_posted_to_through_its_own_api(scene: Scene) -> None:
    """Two APIs may share a table and a room: neither forgets the other's members."""
    bob = scene.join("Bob", api_stage=OTHER)
    scene.other_poster.ill[ADA] = scene.poster.ill[bob] = Reason.GONE
    scene.run(record(said(1)))
    assert set(scene.poster.received) == {ADA, SENDER}
    assert set(scene.other_poster.received) == {bob}
    assert scene.members() == {ADA, bob}
    assert scene.job_queue.jobs == []


def test_a_retry_goes_through_the_member_s_own_api(scene: Scene) -> None:
    """A missed message comes from the API that its connection came to."""
    bob = scene.join("Bob", api_stage=OTHER)
    scene.other_poster.ill[bob] = scene.poster.ill[ADA] = Reason.TIMED_OUT
    scene.run(record(said(1)))
    scene.other_poster.ill.clear()
    scene.poster.ill.clear()
    run_queued(scene)
    assert len(scene.other_poster.received[bob]) == len(scene.poster.received[ADA]) == 1
    assert (set(scene.other_poster.received), set(scene.poster.received)) == ({bob}, {ADA, SENDER})


def test_the_ack_of_who_has_left_goes_through_its_own_api(scene: Scene) -> None:
    """The message carries where its sender was reached."""
    job = said(1)
    scene.run(record(MessageJob(TEA, job.id, replace(job.message, api_stage=OTHER))))
    assert SENDER not in scene.poster.received
    [ack] = map(json.loads, scene.other_poster.received[SENDER])
    assert (ack["type"], ack["seq"]) == ("ack", 1)


def test_what_came_over_no_connection_has_no_ack(scene: Scene) -> None:
    """A published message tells the members, and nobody else."""
    job = said(1)
    published = replace(job.message, sender=None, api_stage=None)
    scene.run(record(MessageJob(TEA, job.id, published)))
    assert set(scene.poster.received) == {ADA}


def test_a_young_plain_connection_that_answers_410_is_tried_again(scene: Scene) -> None:
    """Its handshake may not be over: it waits for nobody else, and hears what was said."""
    ill = {scene.join(name, protocol=Protocol.PLAIN): Reason.GONE for name in ("Bob", "Cat")}
    scene.poster.ill = dict(ill)
    scene.run(record(said(1)))
    assert scene.members() == {ADA, *ill}
    jobs = [job for job in scene.job_queue.jobs if isinstance(job, RetryJob)]
    assert {job.group for job in jobs} == {f"{TEA}\n{one}" for one in ill}
    assert [job.attempt for job in jobs] == [1, 1]
    with pytest.raises(BatchError, match="1 records come again within 2 s"):
        scene.run(record(jobs[0]))
    assert scene.members() == {ADA, *ill}
    scene.poster.ill.clear()
    run_queued(scene)
    assert all(len(scene.poster.received[one]) == 1 for one in ill)


def test_a_plain_connection_whose_handshake_must_be_over_is_forgotten(scene: Scene) -> None:
    """At the longest that a handshake may take, and not a moment before."""
    bob = scene.join("Bob", protocol=Protocol.PLAIN)
    scene.poster.ill[bob] = Reason.GONE
    scene.now = NOW + HANDSHAKE_SECONDS - 0.001
    scene.run(record(said(1), sent_at=scene.now))
    [retry] = scene.job_queue.jobs
    assert scene.members() == {ADA, bob}
    scene.now = NOW + HANDSHAKE_SECONDS
    scene.job_queue.jobs.clear()
    scene.run(record(retry, sent_at=scene.now))
    assert scene.members() == {ADA}
    assert [type(job) for job in scene.job_queue.jobs] == [PresenceJob]


def test_a_connection_of_version_1_that_answers_410_is_gone_at_once(scene: Scene) -> None:
    """It has sent a frame before it joined, so its handshake was over."""
    bob = scene.join("Bob")
    scene.poster.ill[bob] = Reason.GONE
    scene.run(record(said(1)))
    assert scene.members() == {ADA}


def test_many_who_are_gone_are_forgotten_by_a_job_of_their_own(scene: Scene) -> None:
    """The room goes on meanwhile; a batch that comes again queues the same job."""
    gone = {scene.join(f"c{number}") for number in range(FORGOTTEN_AT_ONCE + 1)}
    scene.poster.ill = dict.fromkeys(gone, Reason.GONE)
    scene.run(record(said(1)))
    assert scene.members() == {ADA, *gone}
    scene.run(record(said(1)))
    first, second = scene.job_queue.jobs
    assert isinstance(first, EndJob)
    assert (first.id, first.group, first.closes) == (second.id, f"{TEA}\nend", False)
    assert {member.id for member in first.members} == gone
    version = scene.store.head(TEA).version
    run_queued(scene)
    assert scene.members() == {ADA}
    assert scene.poster.closed == []
    assert scene.store.head(TEA).version == version + 2


def test_as_many_as_are_forgotten_at_once_need_no_job(scene: Scene) -> None:
    """A few calls are made before the next batch of the room; the version changes once."""
    gone = {scene.join(f"c{number}") for number in range(FORGOTTEN_AT_ONCE)}
    version = scene.store.head(TEA).version
    scene.poster.ill = dict.fromkeys(gone, Reason.GONE)
    scene.run(record(said(1)))
    assert scene.members() == {ADA}
    assert scene.store.head(TEA).version == version + 1
    [news] = scene.job_queue.jobs
    assert isinstance(news, PresenceJob)
    assert len(news.left) == len(gone)


def test_signals_that_are_too_old_are_told_nobody(scene: Scene) -> None:
    """Up to three seconds after they were sent they are told, and never after that."""
    for age in (LIVE, LIVE + 1):
        scene.now = NOW + age / 1000
        scene.run(record(signalled()))
        assert len(scene.told(ADA)) == 1


def test_signals_that_waited_are_noted_with_the_room(scene: Scene) -> None:
    """The next senders are told to slow down; a short wait is not worth a write."""
    scene.now = NOW + SIGNALS_WAIT / 1000
    scene.run(record(signalled()))
    assert scene.store.head(TEA).signalling == Wait()
    scene.now = NOW + 1.5
    scene.run(record(signalled(NOW + 1), 1, sent_at=NOW + 1), record(signalled(), 2))
    assert scene.store.head(TEA).signalling == Wait(1500, round(scene.now * 1000))


def test_a_span_tells_no_signal_that_has_aged_on_the_way(scene: Scene) -> None:
    """The messages beside it are told however old they are."""
    head = scene.store.head(TEA)
    update = RoomUpdate((SequencedMessage(1, head.epoch, said(1).message),), (signalled().signal,))
    job = FanoutJob(TEA, "f", update, SlotRange(), head.membership_version(head.members))
    scene.now = NOW + LIVE / 1000 + 0.001
    scene.run(record(job))
    assert [one["type"] for one in scene.told(ADA)] == ["message"]


def test_late_news_tell_how_many_there_are_and_no_names(scene: Scene) -> None:
    """A member of a while ago may have gone; the number is right whenever it is told."""
    bob = User(UserId("Bob"), "Bob")
    scene.join("Bob")
    for age, names in ((LIVE, ["Bob"]), (LIVE + 1, [])):
        scene.poster.received.clear()
        scene.now = NOW + age / 1000
        scene.run(record(PresenceJob(TEA, "p", joined=(bob,))))
        [news] = scene.told(ADA)
        assert [user["username"] for user in news["joined"]] == names
        assert news["members"] == 2


def test_messages_leave_their_wait_with_the_room(scene: Scene) -> None:
    """The next sender learns from the head whether the room keeps up."""
    scene.now = NOW + 4
    scene.run(record(said(1), 1, sent_at=NOW + 3), record(said(2), 2, sent_at=NOW + 1))
    assert scene.store.head(TEA).numbering == Wait(3000, round(scene.now * 1000))
    # A queue whose clock is ahead.
    scene.run(record(said(3), sent_at=NOW + 5))
    assert scene.store.head(TEA).numbering.longest == 0


@pytest.mark.parametrize(
    ("count", "late", "came_in", "longest"),
    [
        (RECEIVE_BATCH, LATE + 1, BATCH_TIME // 5, 5 * (LATE + 1)),
        (RECEIVE_BATCH, LATE + 1, 0, MOST_TIMES * (LATE + 1)),
        (RECEIVE_BATCH, LATE + 1, BATCH_TIME * 5 // 3, LATE + 1),
        (RECEIVE_BATCH, LATE, BATCH_TIME // 5, LATE),
        (RECEIVE_BATCH - 1, LATE + 1, BATCH_TIME // 5, LATE + 1),
    ],
)
def test_a_backlog_that_builds_up_is_noted_before_it_is_long(
    scene: Scene, count: int, late: int, came_in: int, longest: int
) -> None:
    """Records that come in five times as fast as they go will wait as many times longer.

    A batch that is not full has nothing behind it, and one that has not waited is a burst.
    """
    scene.now = NOW + late / 1000
    step = came_in / 1000 / (count - 1)
    scene.run(*(record(said(n), n, sent_at=NOW + n * step + 1e-6) for n in range(count)))
    assert scene.store.head(TEA).numbering.longest == longest


def test_numbering_that_is_not_in_time_fails_one_room(scene: Scene) -> None:
    """A room whose head moves again and again comes again; the rest of the batch is done."""
    scene.store.contested = frozenset({TEA})
    tea, coffee = record(said(1), 1), record(said(2, COFFEE), 2)
    with pytest.raises(BatchError, match="1 records come again"):
        scene.run(coffee, tea, remaining=0.5)
    assert scene.job_queue.deleted == [coffee]
    assert [one for one, _ in scene.job_queue.delayed] == [tea]
    assert "'tea'" in str(scene.meter.fields["reason"])


def test_posts_are_measured_by_member_and_message(scene: Scene) -> None:
    """One post for a member and message counts as 1; two that share a frame as a half."""
    scene.join("Bob")
    scene.run(record(said(1)))
    scene.run(record(said(2), 1), record(said(3), 2))
    # A sender that is no member gets its ack as well.
    assert scene.meter.values[Metric.POSTS_PER_MESSAGE] == [3 / 2, 3 / 4]
    scene.run(record(signalled()))
    assert len(scene.meter.values[Metric.POSTS_PER_MESSAGE]) == 2


def test_the_delay_is_told_in_milliseconds_since_a_message_was_accepted(scene: Scene) -> None:
    """For each message, from the clock of who accepted it to the end of its posts."""
    scene.now = NOW + 0.25
    scene.run(record(said(1)))
    assert scene.meter.values[Metric.DELAY] == [250]


def test_a_worker_near_its_deadline_waits_no_longer_than_it_has() -> None:
    """A room is kept for a moment only as far as the invocation's time goes."""
    scene = Scene(fanout=Fanout(linger_per_member=9, linger_limit=60))
    scene.join("Ada")
    scene.run(record(said(1)), remaining=5.0)
    assert 0 < scene.slept[0] <= 5.0 * POSTING_SHARE


def test_optional_fields_are_left_out(scene: Scene) -> None:
    """A message that deletes nothing names nothing, and no frame holds a null."""
    scene.join("Bob")
    scene.run(record(said(1)), record(said(2), 2))
    scene.run(record(signalled()), record(PresenceJob(TEA, "p"), 2))
    frames = [frame for frames in scene.poster.received.values() for frame in frames]
    assert not any(b"null" in frame for frame in frames)
    kinds = {one["type"]: one for one in scene.told(ADA)}
    assert set(kinds) == {"message", "signal", "presence"}
    assert not {"deletes", "kind"} & set(kinds["message"])
