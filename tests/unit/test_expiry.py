"""Broadcasts tell nothing to those whose tokens have ended, and everything to who has renewed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.identity import GRACE_SECONDS
from chalicelib.jobs import PresenceJob, RetryJob
from chalicelib.meter import Metric
from chalicelib.model import Connection, ConnectionId, Member, Protocol, User, UserId
from chalicelib.posting import Reason
from chalicelib.service.expiry import CLOSED_AT_ONCE
from tests.unit.test_broadcast import ADA, NOW, ORIGIN, TEA, Scene, record, said

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
        ConnectionId(f"{name}="), user, Protocol.V1, int(NOW * 1000), ORIGIN, until=until
    )
    scene.store.add(connection)
    scene.store.join(connection, TEA)
    return replace(connection, rooms=frozenset({TEA}))


def test_who_is_past_the_grace_is_told_nothing_and_closed(scene: Scene) -> None:
    """Up to then everything; after it the room hears that somebody has left."""
    bob = enter(scene, "Bob")
    scene.now = END + GRACE_SECONDS - 1
    scene.run(record(said(1), 1))
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(2), 2))
    assert scene.seqs(bob.id) == [1]
    assert scene.seqs(ADA) == [1, 2]
    assert scene.poster.closed == [bob.id]
    assert scene.store.connection(bob.id) is None
    assert [job.left for job in scene.outbox.jobs if isinstance(job, PresenceJob)] == [(bob.user,)]
    assert scene.tally.values[Metric.CONNECTIONS_CUT] == [1]


def test_who_has_renewed_is_told_everything_though_no_version_changed(scene: Scene) -> None:
    """A worker that kept the members with the old end looks again before it believes it."""
    bob = enter(scene, "Bob")
    scene.run(record(said(1), 1))
    version = scene.store.head(TEA).version
    scene.store.renew(replace(bob, until=END + 3600))
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(2), 2))
    assert scene.store.head(TEA).version == version
    assert scene.seqs(bob.id) == [1, 2]
    assert scene.poster.closed == []


def test_a_renewal_that_died_halfway_is_made_good(scene: Scene) -> None:
    """The connection goes on, and its place in the room is told so at the first broadcast."""
    bob = enter(scene, "Bob")
    scene.store.renew(replace(bob, until=END + 3600, rooms=frozenset()))
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(1), 1))
    scene.run(record(said(2), 2))
    assert scene.seqs(bob.id) == [2]
    assert scene.poster.closed == []


def test_a_crowd_that_ends_at_once_is_closed_little_by_little(scene: Scene) -> None:
    """None of them is told anything more, and no broadcast is held up by all of them."""
    crowd = [enter(scene, f"member-{number}") for number in range(CLOSED_AT_ONCE + 1)]
    scene.now = END + GRACE_SECONDS
    scene.run(record(said(1), 1))
    assert len(scene.poster.closed) == CLOSED_AT_ONCE
    scene.run(record(said(2), 2))
    assert sorted(scene.poster.closed) == sorted(one.id for one in crowd)
    assert not any(scene.seqs(one.id) for one in crowd)
    assert scene.seqs(ADA) == [1, 2]


def test_a_retry_tells_nothing_to_those_past_their_time(scene: Scene) -> None:
    """What was missed before the end is not made up for after it."""
    bob = enter(scene, "Bob")
    scene.poster.ill[bob.id] = Reason.TIMED_OUT
    scene.run(record(said(1), 1))
    [retry] = [job for job in scene.outbox.jobs if isinstance(job, RetryJob)]
    assert retry.members == (Member(bob.id, bob.user, Protocol.V1, END),)
    scene.poster.ill.clear()
    scene.now = END + GRACE_SECONDS
    scene.run(record(retry, 2))
    assert scene.seqs(bob.id) == []


def test_nothing_is_raised_when_the_table_does_not_answer(scene: Scene) -> None:
    """Who can't be looked up or forgotten now is told nothing all the same, and ends later."""
    bob, cat = enter(scene, "Bob"), enter(scene, "Cat")
    scene.now = END + GRACE_SECONDS
    scene.store.forgetful = False
    scene.run(record(said(1), 1))
    assert scene.poster.closed == [bob.id, cat.id]
    scene.store.findable = False
    scene.run(record(said(2), 2))
    assert scene.seqs(bob.id) == scene.seqs(cat.id) == []
    assert scene.seqs(ADA) == [1, 2]
    assert len(scene.tally.swallowed) == 3
