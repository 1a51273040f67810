"""People talk through deployed functions; `--url` tries the same on a real stage."""

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import ClientConnection, connect

from fanfare_client.client import Client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECONDS = 30


@pytest.fixture
def room() -> str:
    """A room that no other test and no earlier run has used."""
    return f"test-{secrets.token_hex(8)}"


def within_time(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario, which must not take for ever."""
    asyncio.run(asyncio.wait_for(scenario(), SECONDS))


async def heard(client: Client, room: str, count: int) -> list[tuple[int, str, str]]:
    """Wait for so many messages of a room: their numbers, senders and texts."""
    while len(client.messages(room)) < count:
        await asyncio.sleep(0.05)
    return [
        (one["seq"], one["data"]["username"], one["data"]["message"])
        for one in client.messages(room)
    ]


def test_two_people_talk(websocket: str, room: str) -> None:
    """Both see both messages, in the one order, with the numbers that the senders got."""

    async def talk() -> None:
        async with Client(websocket, "Ada") as ada, Client(websocket, "Bob") as bob:
            await ada.join(room)
            await bob.join(room)
            assert await ada.send(room, "hi") == 1
            assert await bob.send(room, "hello") == 2
            for client in (ada, bob):
                assert await heard(client, room, 2) == [(1, "Ada", "hi"), (2, "Bob", "hello")]
            assert {member["username"] for member in await ada.who(room)} == {"Ada", "Bob"}

    within_time(talk)


def test_nothing_is_lost_over_a_cut(websocket: str, room: str) -> None:
    """A client that is cut off gets the missed messages, once and in order, and so does history."""

    async def talk() -> None:
        async with Client(websocket, "Ada") as ada, Client(websocket, "Bob") as bob:
            await ada.join(room)
            await bob.join(room)
            await ada.send(room, "0")
            await heard(bob, room, 1)
            bob.drop()
            for number in range(1, 6):
                await ada.send(room, str(number))
            expected = [(number + 1, "Ada", str(number)) for number in range(6)]
            assert await heard(bob, room, 6) == expected
            assert bob.gaps(room) == []
            page = await bob.history(room, after=2, limit=2)
            assert [one["seq"] for one in page["messages"]] == [3, 4]
            assert page["more"] is True

    within_time(talk)


def test_many_talk_at_once(websocket: str, room: str) -> None:
    """Six people say five things each: thirty numbers, and everybody has the same conversation."""

    async def talk() -> None:
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(Client(websocket, f"c{number}"))
                for number in range(6)
            ]
            for client in clients:
                await client.join(room)

            async def say(client: Client) -> list[int]:
                return [await client.send(room, str(number)) for number in range(5)]

            numbers = await asyncio.gather(*(say(client) for client in clients))
            assert sorted(seq for seqs in numbers for seq in seqs) == list(range(1, 31))
            conversations = [await heard(client, room, 30) for client in clients]
            assert all(conversation == conversations[0] for conversation in conversations)

    within_time(talk)


def hear(client: ClientConnection, text: str) -> Any:
    """Return the message of the plain form with this text; the lobby is open to everybody."""
    while True:
        frame = json.loads(client.recv(timeout=SECONDS))
        if frame["data"]["message"] == text:
            return frame["data"]


def test_both_forms_meet_in_the_lobby(websocket: str) -> None:
    """A plain client and one of version 1 hear each other."""
    first, second = secrets.token_hex(8), secrets.token_hex(8)

    async def talk() -> None:
        async with Client(websocket, "Vera") as vera:
            await vera.join("lobby")
            with connect(f"{websocket}?username=Paul") as paul:
                paul.send(json.dumps({"action": "message", "message": first, "type": "chat"}))
                while first not in [text for _, _, text in await heard(vera, "lobby", 1)]:
                    await asyncio.sleep(0.05)
                await vera.send("lobby", second)
                assert (await asyncio.to_thread(hear, paul, second))["username"] == "Vera"

    within_time(talk)
