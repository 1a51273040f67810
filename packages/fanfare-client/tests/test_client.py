"""The Python client, over real sockets, against a server that loses and refuses."""

from __future__ import annotations

import asyncio
from functools import wraps
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from client_support.protocol_server import ProtocolServer
from fanfare_client.client import Client, ClientError, RefusedError, Timing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.asyncio.server import ServerConnection

    from fanfare_client.effects import Frame

FAST = Timing(reorder=0.02, answer=0.2, backoff=0.02, backoff_limit=0.05)


def scenario(test: Callable[[ProtocolServer], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in an event loop, with a server."""

    async def run() -> None:
        async with asyncio.timeout(20), ProtocolServer() as server:
            await test(server)

    def runner() -> None:
        asyncio.run(run())

    wraps(test)(runner)
    del runner.__dict__["__wrapped__"]  # pytest would take the server for a fixture
    return runner


async def until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; the scenario's timeout bounds it."""
    while not condition():
        await asyncio.sleep(0.002)


def texts(messages: list[Frame]) -> list[str]:
    """Texts of messages."""
    return [message["data"]["message"] for message in messages]


def once(wanted: Callable[[Frame], bool]) -> Callable[[Frame], bool]:
    """Hold for the first of the wanted frames with an id only; later copies are spared."""
    seen: set[str] = set()

    def first(frame: Frame) -> bool:
        if not wanted(frame) or frame["id"] in seen:
            return False
        seen.add(frame["id"])
        return True

    return first


@scenario
async def test_two_clients_see_the_same_room(server: ProtocolServer) -> None:
    """Each gets the other's messages and its own, in one order, and `send` returns the seq."""
    async with Client(server.url, "Ada") as ada, Client(server.url, "Bob") as bob:
        await asyncio.gather(ada.join("tea"), bob.join("tea"))
        numbers = await asyncio.gather(
            *(client.send("tea", f"{n}") for n in range(10) for client in (ada, bob))
        )
        await until(lambda: len(ada.messages("tea")) == len(bob.messages("tea")) == 20)
        assert sorted(numbers) == list(range(1, 21))
        assert texts(ada.messages("tea")) == texts(bob.messages("tea")) == texts(server.room().log)


@scenario
async def test_dropped_connections_lose_and_double_nothing(server: ProtocolServer) -> None:
    """Clients whose connections are cut in mid-traffic end with every message, in order, once."""
    people = [Client(server.url, name, timing=FAST) for name in ("Ada", "Bob", "Cid")]

    async def talk(client: Client, number: int) -> None:
        for n in range(30):
            if n % 10 == number:
                client.drop()
            await client.send("tea", f"{number}:{n}")

    async with people[0], people[1], people[2]:
        await asyncio.gather(*(client.join("tea") for client in people))
        await asyncio.gather(*(talk(client, number) for number, client in enumerate(people)))
        await until(lambda: all(len(client.messages("tea")) == 90 for client in people))
        said = [f"{number}:{n}" for number in range(3) for n in range(30)]
        assert sorted(texts(server.room().log)) == sorted(said)
        for client in people:
            assert texts(client.messages("tea")) == texts(server.room().log)
            assert client.gaps("tea") == []
        assert len(server.opened) == 3 + 9


@scenario
async def test_lost_acks_are_made_up_by_a_replay(server: ProtocolServer) -> None:
    """A message whose ack is lost is settled by joining again, and is stored once."""
    server.loses = once(lambda frame: frame["type"] == "ack")
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        sent = await asyncio.gather(*(ada.send("tea", f"{n}") for n in range(3)))
        assert sent == [1, 2, 3]
        assert texts(server.room().log) == texts(ada.messages("tea")) == ["0", "1", "2"]
        assert not any(frame.get("resend") for frame in server.received)


@scenario
async def test_a_lost_message_is_sent_again_as_such(server: ProtocolServer) -> None:
    """A message that never reached the server is sent again with `resend`, in order."""
    server.ignores = once(lambda frame: frame["action"] == "message")
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        assert await asyncio.gather(*(ada.send("tea", f"{n}") for n in range(3))) == [1, 2, 3]
        assert texts(server.room().log) == ["0", "1", "2"]
        assert len({frame["id"] for frame in server.received if frame.get("resend")}) == 3


@scenario
async def test_a_long_absence_is_read_page_by_page(server: ProtocolServer) -> None:
    """A client that missed many pages has them all before its own waiting message is sent."""
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        server.statuses = [HTTPStatus.SERVICE_UNAVAILABLE] * 3
        ada.drop()
        await until(lambda: not server.members())
        own = asyncio.create_task(ada.send("tea", "back"))
        for n in range(20):
            await server.say(f"{n}")
        assert await own == 21
        assert texts(ada.messages("tea")) == [*(f"{n}" for n in range(20)), "back"]
        assert ada.gaps("tea") == []


@scenario
async def test_lost_live_messages_are_filled_from_history(server: ProtocolServer) -> None:
    """A hole that does not fill itself is read from history, on the same connection."""
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        server.loses = lambda frame: frame["type"] == "message" and frame["seq"] % 5 != 0
        for n in range(10):
            await server.say(f"{n}")
        await until(lambda: len(ada.messages("tea")) == 10)
        assert texts(ada.messages("tea")) == [f"{n}" for n in range(10)]
        assert len(server.opened) == 1


@scenario
async def test_gaps_are_events(server: ProtocolServer) -> None:
    """A new epoch is told in its place among the messages."""
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        events = ada.events()
        await server.say("before")
        server.room().restart()
        await server.say("lost in between")
        gap = {"type": "gap", "room": "tea", "reason": "epoch"}
        assert [await anext(events) for _ in range(2)] == [ada.messages("tea")[0], gap]
        await server.say("after")
        assert texts([await anext(events)]) == ["after"]
        assert ada.gaps("tea") == ["epoch"]


@scenario
async def test_a_connection_is_replaced_before_its_time_is_over(server: ProtocolServer) -> None:
    """The successor joins before the old one closes, and nobody notices."""
    drawn = iter([0.05, 1000])

    def uniform(low: float, _: float) -> float:
        return next(drawn) if low else 0

    async with Client(server.url, "Ada", timing=FAST, uniform=uniform) as ada:
        await asyncio.gather(ada.join("tea"), ada.join("cake"))
        replaced = asyncio.create_task(until(lambda: len(server.opened) == 2))
        sent = 0
        while not replaced.done() or server.opened[0] in server.members():
            await ada.send("tea", f"{sent}")
            assert server.members()
            sent += 1
        await ada.send("tea", "over the new one")
        assert server.members() == server.members("cake") == [server.opened[1]]
        await until(lambda: len(ada.messages("tea")) == sent + 1)
        assert texts(ada.messages("tea")) == texts(server.room().log)
        assert ada.gaps("tea") == []


@scenario
async def test_silence_is_broken_by_a_ping(server: ProtocolServer) -> None:
    """A silent connection is asked whether it lives, and kept if it does."""
    timing = Timing(ping=0.02, pong=0.3)
    async with Client(server.url, "Ada", timing=timing):
        await until(lambda: server.received == [{"action": "ping", "rooms": []}] * 2)
        assert len(server.opened) == 1


@scenario
async def test_a_pong_shows_what_has_passed_by(server: ProtocolServer) -> None:
    """The last messages of a room that falls silent, lost on the way, are read all the same."""
    timing = Timing(reorder=0.02, ping=0.05)
    async with Client(server.url, "Ada", timing=timing) as ada:
        await ada.join("tea")
        server.loses = lambda frame: frame["type"] == "message"
        await server.say("unheard")
        await until(lambda: texts(ada.messages("tea")) == ["unheard"])
        assert len(server.opened) == 1


@scenario
async def test_a_dead_connection_is_given_up(server: ProtocolServer) -> None:
    """A client takes a new connection and resumes if nothing follows a ping."""
    timing = Timing(ping=0.05, pong=0.05, backoff=0.01)
    async with Client(server.url, "Ada", timing=timing) as ada:
        await ada.join("tea")
        server.loses = lambda _: len(server.opened) == 1
        await server.say("unheard")
        await until(lambda: texts(ada.messages("tea")) == ["unheard"])
        assert len(server.opened) > 1


@scenario
async def test_the_pauses_between_attempts_grow(server: ProtocolServer) -> None:
    """Each attempt waits a random time below a ceiling that doubles up to its limit."""
    ceilings = []

    def uniform(low: float, high: float) -> float:
        if not low:
            ceilings.append(high)
        return low

    server.statuses = [HTTPStatus.TOO_MANY_REQUESTS] * 3 + [HTTPStatus.BAD_GATEWAY] * 4
    async with Client(server.url, "Ada", uniform=uniform):
        assert ceilings == [1, 2, 4, 8, 16, 30, 30]


@scenario
async def test_a_handshake_refused_for_good_is_not_tried_again(server: ProtocolServer) -> None:
    """A wrong query would be refused for ever: the client ends, and whoever waits is told."""
    server.statuses = [HTTPStatus.BAD_REQUEST]
    with pytest.raises(ClientError, match="400"):
        await Client(server.url, "Ada").__aenter__()
    ada = Client(server.url, "Ada", timing=FAST)
    await ada.__aenter__()
    await ada.join("tea")
    server.statuses = [HTTPStatus.FORBIDDEN]
    ada.drop()
    await until(lambda: not server.members())
    for work in (ada.send("tea", "hi"), ada.who("tea"), ada.__aexit__(None, None, None)):
        with pytest.raises(ClientError, match="403"):
            await work


@scenario
async def test_refusals_reach_whoever_asked(server: ProtocolServer) -> None:
    """A join, a message and a question that are refused for good raise with the code."""
    async with Client(server.url, "Ada", timing=FAST) as ada:
        with pytest.raises(RefusedError, match="bad_room"):
            await ada.join(" ")
        with pytest.raises(ClientError, match="Join the room 'tea' first"):
            await ada.send("tea", "hi")
        await ada.join("tea")
        with pytest.raises(RefusedError, match="too_large"):
            await ada.send("tea", "x" * 101)
        assert await ada.send("tea", "hi") == 1


@scenario
async def test_what_is_unavailable_is_tried_again(server: ProtocolServer) -> None:
    """A failed Lambda, in its own words or the gateway's, is no reason to lose a message."""
    later = {"type": "error", "code": "unavailable", "message": "Later.", "retry": "later"}
    gateway = {"message": "Internal server error", "connectionId": "a=", "requestId": "b="}
    server.ignores = once(lambda frame: frame["action"] == "message")
    timing = Timing(backoff=0.02)
    async with Client(server.url, "Ada", timing=timing) as ada:
        await ada.join("tea")
        for number, answer in enumerate(({**later, "room": "tea"}, gateway), start=1):
            own = asyncio.create_task(ada.send("tea", f"{number}"))
            await until(lambda: sum("message" in frame for frame in server.received) % 2 == 1)
            await server.post(server.opened[0], answer)
            assert await own == number


@scenario
async def test_who_is_told_to_slow_down_does_and_loses_nothing(server: ProtocolServer) -> None:
    """Messages that are refused for coming too fast are sent again when the server says."""
    refusal = {"type": "error", "code": "slow_down", "message": "Wait.", "retry": "later"}
    server.ignores = once(lambda frame: frame["action"] == "message")
    async with Client(server.url, "Ada") as ada:
        await ada.join("tea")
        own = [asyncio.create_task(ada.send("tea", f"{n}")) for n in range(3)]
        for count in (1, 3, 5):
            await until(lambda: sum("message" in frame for frame in server.received) == count)  # noqa: B023 - awaited
            refused_at = asyncio.get_running_loop().time()
            await server.post(server.opened[0], {**refusal, "room": "tea", "retryAfter": 0.1})
            joins = sum(frame["action"] == "join" for frame in server.received)
            await until(
                lambda: sum(f["action"] == "join" for f in server.received) > joins  # noqa: B023 - awaited
            )
            assert asyncio.get_running_loop().time() - refused_at > 0.09
        assert await asyncio.gather(*own) == [1, 2, 3]
        assert texts(server.room().log) == ["0", "1", "2"]


@scenario
async def test_a_forgotten_connection_is_replaced(server: ProtocolServer) -> None:
    """An error that asks for a new connection gets one."""
    error = {"type": "error", "code": "unknown_connection", "message": "?", "retry": "reconnect"}
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        await server.post(server.opened[0], error)
        await until(lambda: len(server.opened) == 2)
        assert await ada.send("tea", "hi") == 1


@scenario
async def test_members_signals_and_history_are_at_hand(server: ProtocolServer) -> None:
    """`who` reads all pages, signals reach the others, and history goes in either direction."""
    people = [Client(server.url, f"c{n}", timing=FAST) for n in range(5)]
    async with people[0] as ada, people[1] as bob, people[2], people[3], people[4]:
        for client in people:
            await client.join("tea")
        events = bob.events()
        members = await ada.who("tea")
        assert [member["username"] for member in members] == ["c0", "c1", "c2", "c3", "c4"]
        ada.signal("tea", {"typing": True})
        assert (await anext(events))["data"] == {"typing": True}
        for n in range(1, 6):
            await ada.send("tea", f"{n}")
        assert texts((await bob.history("tea", after=1, limit=2))["messages"]) == ["2", "3"]
        assert texts((await bob.history("tea", before=4, limit=2))["messages"]) == ["2", "3"]
        assert (await bob.history("tea"))["more"] is True


@scenario
async def test_a_question_outlives_its_connection(server: ProtocolServer) -> None:
    """A question whose answer was lost with the connection is asked again over the next."""
    async with Client(server.url, "Ada", timing=Timing(backoff=0.01)) as ada:
        await ada.join("tea")
        server.ignores = lambda frame: frame["action"] == "who" and len(server.opened) == 1
        members = asyncio.create_task(ada.who("tea"))
        await until(lambda: server.received[-1]["action"] == "who")
        ada.drop()
        assert len(await members) == 1


@scenario
async def test_a_room_that_was_left_is_silent(server: ProtocolServer) -> None:
    """After `leave` nothing of the room arrives, and who still waited there is told."""
    async with Client(server.url, "Ada", timing=FAST) as ada:
        await ada.join("tea")
        server.ignores = lambda frame: frame["action"] == "message"
        own = asyncio.create_task(ada.send("tea", "unsettled"))
        await until(lambda: server.received[-1].get("message") is not None)
        await ada.leave("tea")
        with pytest.raises(ClientError, match="left"):
            await own
        assert server.members() == []
        with pytest.raises(ClientError, match="Join the room"):
            ada.messages("tea")


@scenario
async def test_closing_ends_everything(server: ProtocolServer) -> None:
    """A caller that still waits as the client closes is told, and the events end."""
    server.ignores = lambda frame: frame["action"] == "message"
    async with Client(server.url, "Ada") as ada:
        await ada.join("tea")
        events = ada.events()
        own = asyncio.create_task(ada.send("tea", "unsettled"))
        await until(lambda: server.received[-1].get("message") is not None)
    with pytest.raises(ClientError, match="closed"):
        await own
    assert [event async for event in events] == []


class Tokens:
    """Gives the tokens `t1`, `t2` and so on.

    Attributes:
        count: how many there were.
    """

    count = 0

    async def __call__(self) -> str:
        """The next one."""
        self.count += 1
        return f"t{self.count}"


def offered(connection: ServerConnection) -> str:
    """The subprotocols that a client has offered."""
    assert connection.request is not None
    return connection.request.headers["Sec-WebSocket-Protocol"]


@scenario
async def test_each_connection_is_opened_with_a_new_token(server: ProtocolServer) -> None:
    """A token that was refused is not shown again."""
    server.statuses = [HTTPStatus.UNAUTHORIZED, HTTPStatus.UNAUTHORIZED]
    async with Client(server.url, "Ada", token=Tokens(), timing=FAST) as ada:
        await ada.join("tea")
        ada.drop()
        await until(lambda: len(server.opened) == 2)
        assert [offered(one) for one in server.opened] == ["fanfare.v1, t3", "fanfare.v1, t4"]


@scenario
async def test_a_token_that_can_not_get_better_is_refused_for_good(server: ProtocolServer) -> None:
    """A client with one token, or none, does not knock for ever."""
    for token in ("t", None):
        server.statuses = [HTTPStatus.UNAUTHORIZED]
        with pytest.raises(ClientError, match="401"):
            await Client(server.url, "Ada", token=token).__aenter__()


@scenario
async def test_a_token_is_renewed_when_the_server_warns(server: ProtocolServer) -> None:
    """Once, however many warnings there are; a client with one token leaves it at that."""
    tokens = Tokens()
    ada, bob = Client(server.url, "Ada", token=tokens), Client(server.url, "Bob", token="t")
    async with ada, bob:
        for connection in server.opened:
            for _ in range(3):
                await server.post(connection, {"type": "expiring", "at": "soon"})
        await asyncio.gather(ada.join("tea"), bob.join("tea"))
        await until(lambda: any(frame["action"] == "renew" for frame in server.received))
    renewals = [frame for frame in server.received if frame["action"] == "renew"]
    assert renewals == [{"action": "renew", "token": "t2"}]
