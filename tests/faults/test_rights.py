"""Every interleaving of what one connection does with what is done to its rights in a room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.model import Connection, RoomId, SlotRange
from chalicelib.core.shards import WHOLE
from tests.faults.test_join import interleavings, meeting, run

if TYPE_CHECKING:
    from tests.faults.client import Client
    from tests.faults.lambdas import Invocation
    from tests.faults.world import World

TEA, COFFEE = RoomId("tea"), RoomId("coffee")


def known(world: World, client: Client) -> Connection:
    """The client's connection, as the table has it."""
    assert client.connection
    connection = world.observer.connection(client.connection)
    assert connection is not None
    return connection


def is_member(world: World, client: Client, room: RoomId) -> bool:
    """Whether broadcasts of a room post to the client."""
    members = world.observer.members(room, WHOLE, SlotRange())
    return client.connection in {member.id for member in members}


def send(world: World, client: Client, **frame: object) -> Invocation:
    """Let a client send a frame; return its function, before the first of its calls."""
    assert client.connection
    if frame["action"] == "leave":
        world._start_leave(client.connection, str(frame["room"]))
    else:
        world._frame(client.connection, json.dumps(frame))
    return world.invocations[-1]


def moderated(world: World, client: Client) -> bool:
    """Whether a moderator has its answer."""
    return "moderated" in {one["type"] for one in world.inbox(client)}


def test_no_room_is_kept_whose_right_has_gone() -> None:
    """However a join and a renewal overlap: the connection is a member only where it may be."""
    answers = set()
    for order in interleavings(6, 6):
        world, _, bob = meeting()
        user_id = known(world, bob).user.user_id
        send(world, bob, action="join", room="tea")
        send(world, bob, action="renew", token=f"{user_id} coffee")
        for request in world.requests():
            world.step(request)
        run(world, order, dies=False)
        answers |= {one["type"] for one in world.inbox(bob)}
        connection = known(world, bob)
        assert connection.rights.join == ("coffee",), order
        assert not is_member(world, bob, TEA), order
        assert TEA not in connection.rooms, order
    assert answers >= {"joined", "left", "error", "renewed"}


def test_a_room_whose_right_stays_is_kept_until_the_new_end() -> None:
    """However a join and a renewal overlap: a member that may stay is not lost."""
    for order in interleavings(6, 5):
        world, _, bob = meeting()
        user_id = known(world, bob).user.user_id
        send(world, bob, action="join", room="tea")
        send(world, bob, action="renew", token=f"{user_id} tea")
        for request in world.requests():
            world.step(request)
        run(world, order, dies=False)
        assert is_member(world, bob, TEA), order
        assert TEA in known(world, bob).rooms, order


@pytest.mark.parametrize("joined_before", [True, False])
def test_a_kick_leaves_nobody_deaf(joined_before: bool) -> None:  # noqa: FBT001
    """However a join and a kick overlap: who believes to be in the room hears it."""
    for order in interleavings(6, 6):
        world, ada, bob = meeting()
        if joined_before:
            bob.join("tea")
            world.settle(ping=False)
        send(world, bob, action="join", room="tea")
        user_id = known(world, bob).user.user_id
        send(world, ada, action="kick", room="tea", userId=user_id)
        for request in world.requests():
            world.step(request)
        run(world, order, dies=False)
        assert is_member(world, bob, TEA) or TEA not in known(world, bob).rooms, order


@pytest.mark.parametrize("coming", [("leave", "join"), ("join", "leave"), ("join",)])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_nobody_speaks_who_is_muted_once_the_moderator_has_the_answer(
    data: st.DataObject, coming: tuple[str, ...]
) -> None:
    """However leaving and joining overlap a mute: from its answer on nothing can be said."""
    world, ada, bob = meeting()
    if len(coming) > 1:
        bob.join("tea")
        world.settle(ping=False)
    user_id = known(world, bob).user.user_id
    running = [send(world, ada, action="mute", room="tea", userId=user_id, seconds=600)]
    running += [send(world, bob, action=action, room="tea") for action in coming]
    while running := [one for one in running if not one.over]:
        world.step(data.draw(st.sampled_from(running)))
        if moderated(world, ada):
            bob_now = known(world, bob)
            muted = (bob_now.muted_until(TEA) or 0) > world.now
            assert muted or TEA not in bob_now.rooms


@pytest.mark.parametrize("action", ["join", "leave"])
def test_what_dies_halfway_can_be_banned(action: str) -> None:
    """A join or a leave dies after any of its calls; a ban then puts the member out for good."""
    for calls in range(1, 8):
        world, ada, bob = meeting()
        if action == "leave":
            bob.join("tea")
            world.settle(ping=False)
        user_id = known(world, bob).user.user_id
        dying = send(world, bob, action=action, room="tea")
        for _ in range(calls):
            if not dying.over:
                world.step(dying)
        if not dying.over:
            world.kill(dying)
        send(world, ada, action="ban", room="tea", userId=user_id, seconds=600).finish()
        world.tidy()
        assert not is_member(world, bob, TEA), calls
        assert TEA not in known(world, bob).rooms, calls
