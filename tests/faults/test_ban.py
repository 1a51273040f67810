"""Every interleaving of a kick, a ban or a mute with a join or a leave of its user."""

from __future__ import annotations

import json

import pytest

from chalicelib.core.model import SlotRange
from chalicelib.core.shards import WHOLE
from tests.faults.test_join import TEA, interleavings, meeting, run


@pytest.mark.parametrize("act", ["ban", "mute"])
def test_no_join_slips_through_beside_a_sanction(act: str) -> None:
    """However the two overlap: who is banned is no member then, and who is muted is mute."""
    answers = set()
    for order in interleavings(6, 5):
        world, ada, bob = meeting()
        assert ada.connection
        assert bob.connection
        target = world.observer.connection(bob.connection)
        assert target is not None
        bob.join("tea")
        frame = {"action": act, "room": "tea", "userId": target.user.user_id, "seconds": 600}
        world._frame(ada.connection, json.dumps(frame))
        for request in world.requests():
            world.step(request)
        run(world, order, dies=False)
        answers |= {one["type"] for one in world.inbox(bob)}
        member = bob.connection in {
            one.id for one in world.observer.members(TEA, WHOLE, SlotRange())
        }
        kept = world.observer.connection(bob.connection)
        assert kept is not None
        if act == "ban":
            assert (member, TEA in kept.rooms) == (False, False), order
        else:
            assert member, order
            assert (kept.muted_until(TEA) or 0) > world.now, order
    assert answers >= ({"error", "left"} if act == "ban" else {"joined"})


@pytest.mark.parametrize("act", ["kick", "ban"])
def test_a_leave_beside_a_kick_or_a_ban_leaves_nothing_behind(act: str) -> None:
    """However the two overlap: no member is left, no place, and nothing in the connection."""
    sanction = {"seconds": 600} if act == "ban" else {}
    for order in interleavings(6, 5):
        world, ada, bob = meeting()
        assert ada.connection
        assert bob.connection
        bob.join("tea")
        world.settle(ping=False)
        target = world.observer.connection(bob.connection)
        assert target is not None
        world.leave(bob, "tea")
        frame = {"action": act, "room": "tea", "userId": target.user.user_id, **sanction}
        world._frame(ada.connection, json.dumps(frame))
        for request in world.requests():
            world.step(request)
        run(world, order, dies=False)
        members = {one.id for one in world.observer.members(TEA, WHOLE, SlotRange())}
        kept = world.observer.connection(bob.connection)
        assert kept is not None
        assert members == {ada.connection}, order
        assert TEA not in kept.rooms, order
        assert world.observer.renew(kept) == [], order
        assert "left" in {one["type"] for one in world.inbox(bob)}, order
        assert "moderated" in {one["type"] for one in world.inbox(ada)}, order
