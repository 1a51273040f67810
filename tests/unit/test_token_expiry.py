"""Broadcasts tell nothing to those whose tokens have ended, and everything to who has renewed."""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import BatchError, UnavailableError
from chalicelib.core.identity import GRACE_SECONDS
from chalicelib.core.jobs import EndJob, PresenceJob, RetryJob
from chalicelib.core.model import Connection, Member, Protocol, SlotRange, User, UserId
from chalicelib.core.ports.meter import Metric
from chalicelib.core.ports.poster import Reason
from chalicelib.core.shards import WHOLE
from chalicelib.service.delivery import ENDED_AT_ONCE, end_jobs
from tests.support.builders import gateway_id
from tests.unit.test_broadcast import (
    ADA,
    NOW,
    ORIGIN,
    TEA,
    Scene,
    record,
    run_queued,
    said,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

END = int(NOW) + 600


@pytest.fixture
def scene() -> Scene:
    """Ada, who needs no token, in the room `tea`."""
    scene = Scene()
    scene.join("Ada")
    return scene


def enter(scene: Scene, name: str, until: int = END) -> Connection:
    """Let somebody join whose token ends then."""
    user = User(UserId(name), name)
    connection = Connection(
        gateway_id(name), user, Protocol.V1, int(NOW * 1000), ORIGIN, until=until
    )
    scene.store.add(connection)
    joined, _ = scene.store.join(connection, TEA)
    return joined


def test_who_is_past_the_grace_is_told_nothing_and_closed(scene: Scene) -> None:
    """Up to then everything; after it a job of its own closes it, and the room hears of that."""
    bob = enter(scene, "Bob")
    scene.now = END + GRACE_SECONDS - 1
    scene.run(record(said(1), 1))
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(2), 2))
    assert scene.seqs(bob.id) == [1]
    assert scene.seqs(ADA) == [1, 2]
    assert scene.poster.closed == []
    [end] = scene.job_queue.jobs
    assert isinstance(end, EndJob)
    scene.job_queue.jobs.clear()
    scene.run(record(end, 3))
    assert scene.poster.closed == [bob.id]
    assert scene.store.connection(bob.id) is None
    assert [job.left for job in scene.job_queue.jobs if isinstance(job, PresenceJob)] == [
        (bob.user,)
    ]
    assert scene.meter.values[Metric.CONNECTIONS_CUT] == [1]


def test_who_has_renewed_is_told_everything_though_no_version_changed(scene: Scene) -> None:
    """A worker that kept the members with the old end looks again before it believes it."""
    bob = enter(scene, "Bob")
    scene.run(record(said(1), 1))
    version = scene.store.head(TEA).version
    renewed = replace(bob, until=END + 3600)
    scene.store.renew(renewed)
    scene.store.extend(renewed, TEA)
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(2), 2))
    assert scene.store.head(TEA).version == version
    assert scene.seqs(bob.id) == [1, 2]
    assert scene.job_queue.jobs == []


def test_a_renewal_that_died_halfway_is_made_good(scene: Scene) -> None:
    """The connection goes on, and its place in the room is told so by the job that would end it."""
    bob = enter(scene, "Bob")
    scene.store.renew(replace(bob, until=END + 3600))
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(1), 1))
    run_queued(scene)
    scene.run(record(said(2), 2))
    assert scene.seqs(bob.id) == [2]
    assert scene.poster.closed == []
    assert scene.job_queue.jobs == []


def test_a_crowd_that_ends_at_once_holds_no_broadcast_up(scene: Scene) -> None:
    """None of them is told anything more; jobs of their own close and forget them, part by part."""
    crowd = [enter(scene, f"member-{number}") for number in range(ENDED_AT_ONCE + 1)]
    scene.now = END + GRACE_SECONDS
    version = scene.store.head(TEA).version
    scene.run(record(said(1), 1))
    assert scene.poster.closed == []
    run_queued(scene)
    assert sorted(scene.poster.closed) == sorted(one.id for one in crowd)
    assert scene.store.head(TEA).version == version + 2
    scene.run(record(said(2), 2))
    assert not any(scene.seqs(one.id) for one in crowd)
    assert scene.seqs(ADA) == [1, 2]
    assert scene.store.head(TEA).members == 1


def test_a_retry_tells_nothing_to_those_past_their_time(scene: Scene) -> None:
    """A message missed before the end is not made up for after it."""
    bob = enter(scene, "Bob")
    scene.poster.ill[bob.id] = Reason.TIMED_OUT
    scene.run(record(said(1), 1))
    [retry] = [job for job in scene.job_queue.jobs if isinstance(job, RetryJob)]
    assert retry.members == (Member(bob.id, bob.user, Protocol.V1, ORIGIN, bob.connected_at, END),)
    scene.poster.ill.clear()
    scene.now = END + GRACE_SECONDS
    scene.run(record(retry, 2))
    assert scene.seqs(bob.id) == []


def test_a_job_comes_again_while_the_table_does_not_answer(scene: Scene) -> None:
    """A member that can't be looked up or forgotten now is told nothing, and ends later."""
    bob, cat = enter(scene, "Bob"), enter(scene, "Cat")
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(1), 1))
    [end] = scene.job_queue.jobs
    for scene.store.findable, scene.store.forgetful in ((False, True), (True, False)):
        with pytest.raises(BatchError, match="come again"):
            scene.run(record(end, 2))
        scene.run(record(said(2), 3))
    assert scene.seqs(bob.id) == scene.seqs(cat.id) == []
    assert scene.seqs(ADA) == [1, 2, 2]
    scene.store.findable = scene.store.forgetful = True
    scene.run(record(end, 2))
    assert scene.members() == {ADA}
    assert {bob.id, cat.id} <= set(scene.poster.closed)


def test_a_message_is_told_though_its_closings_cannot_be_queued(scene: Scene) -> None:
    """The next broadcast finds the same members past their time, and queues the job again."""
    enter(scene, "Bob")
    scene.now = END + GRACE_SECONDS
    scene.job_queue.broken = frozenset({"publish"})
    scene.run(record(said(1), 1))
    assert scene.seqs(ADA) == [1]
    assert len(scene.meter.swallowed) == 1
    scene.job_queue.broken = frozenset()
    scene.run(record(said(2), 2))
    assert [type(job) for job in scene.job_queue.jobs] == [EndJob]


def crowd_to_end(scene: Scene) -> EndJob:
    """A job that forgets more members than one batch of them."""
    for number in range(ENDED_AT_ONCE * 2 + 1):
        scene.join(f"c{number}")
    gone = [member for member in scene.store.members(TEA, WHOLE, SlotRange()) if member.id != ADA]
    return EndJob(TEA, "e", tuple(gone), 0, closes=False)


def test_a_job_that_runs_out_of_time_goes_on_in_another(scene: Scene) -> None:
    """Ended connections stay ended; the rest is queued as other jobs of the same purpose."""
    job = crowd_to_end(scene)
    scene.store.busy_until = deadline = time.monotonic() + 0.1
    scene.use_cases.token_expiry.end(job, deadline)
    assert len(scene.members()) == len(job.members) + 1 - ENDED_AT_ONCE
    rest = [one for one in scene.job_queue.jobs if isinstance(one, EndJob)]
    assert {*chain(*(one.members for one in rest))} == {*job.members[ENDED_AT_ONCE:]}
    assert {(one.room, one.level, one.closes) for one in rest} == {(TEA, job.level, job.closes)}
    run_queued(scene)
    assert scene.members() == {ADA}


def test_closing_ends_with_the_job_s_time(scene: Scene) -> None:
    """Each takes the gateway a while: who is left when time is over is closed by the next job."""
    bob, cat = enter(scene, "Bob"), enter(scene, "Cat")
    scene.now = END + GRACE_SECONDS
    over = [one for one in scene.store.members(TEA, WHOLE, SlotRange()) if one.id != ADA]
    scene.store.busy_until = deadline = time.monotonic() + 0.1
    scene.use_cases.token_expiry.end(EndJob(TEA, "e", tuple(over), 0, closes=True), deadline)
    assert scene.poster.closed == [over[0].id]
    assert scene.members() == {ADA, over[1].id}
    run_queued(scene)
    assert {*scene.poster.closed} == {bob.id, cat.id}
    assert scene.members() == {ADA}


def test_a_job_that_gets_nothing_done_comes_again(scene: Scene) -> None:
    """Queued anew it would be the same to the queue, which drops it as a repetition."""
    job = crowd_to_end(scene)
    with pytest.raises(UnavailableError, match="'tea'"):
        scene.use_cases.token_expiry.end(job, time.monotonic())
    assert scene.job_queue.jobs == []


def test_a_job_about_nobody_is_done(scene: Scene) -> None:
    """A job of any maker comes again no more, and holds no other record up."""
    scene.run(record(EndJob(TEA, "e", (), 0, closes=False)))
    assert scene.job_queue.jobs == []


def test_the_same_members_are_the_same_job_to_the_queue(scene: Scene) -> None:
    """In whichever order; to close them is another job than to forget them."""

    def job_id(members: Sequence[Member], *, closes: bool) -> str:
        [job] = end_jobs(TEA, members, 0, closes=closes)
        return job.id

    first, *others = crowd_to_end(scene).members[:ENDED_AT_ONCE]
    whole = job_id([first, *others], closes=True)
    assert whole == job_id([*others, first], closes=True)
    assert whole != job_id([first, *others], closes=False)
    assert whole != job_id(others, closes=True)


def test_who_is_left_ends_by_the_same_jobs_as_before(scene: Scene) -> None:
    """A message that comes while others are being forgotten queues nothing anew."""
    gone = crowd_to_end(scene).members
    first, *others = end_jobs(TEA, gone, 0, closes=False)
    assert others
    assert max(len(job.members) for job in (first, *others)) <= ENDED_AT_ONCE
    assert {*chain(*(job.members for job in (first, *others)))} == {*gone}
    left = [member for member in gone if member not in first.members]
    again = end_jobs(TEA, left, 0, closes=False)
    assert {job.id for job in again} <= {job.id for job in others}
    assert list(end_jobs(TEA, [], 0, closes=False)) == []
