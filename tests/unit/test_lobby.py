"""The tools that measure a running application, and what they say when there is none."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys

import pytest
from websockets.asyncio.server import ServerConnection, broadcast, serve

from bench.load.lobby import Arrivals, chat, judge
from tests.support.project import PROJECT


class Lobby:
    """A server of the plain form that refuses all frames of a connection after the first few."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._members: set[ServerConnection] = set()

    async def __call__(self, member: ServerConnection) -> None:
        """Serve one connection."""
        self._members.add(member)
        taken = 0
        async for text in member:
            taken += 1
            if taken > self._limit:
                await member.send('{"type":"error","code":"slow_down","retry":"later"}')
                continue
            data = {"message": json.loads(text)["message"]}
            frame = json.dumps({"type": "message", "data": data})
            broadcast(self._members - {member}, frame)
        self._members.discard(member)


def test_what_the_server_refuses_is_counted_as_refused_and_not_as_lost() -> None:
    """And the complaint says so: nothing that was taken is missing."""

    async def run() -> None:
        async with serve(Lobby(limit=3), "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            outcome = await chat(
                f"ws://127.0.0.1:{port}", clients=4, senders=2, messages=10, rate=1000, timeout=5
            )
        assert len(outcome.delays) == 2 * 3 * 3
        assert (outcome.refused, outcome.lost, outcome.doubled, outcome.unexpected) == (4, 0, 0, 0)
        assert outcome.complaint == "The server refused 4 messages: try a lower --rate."

    asyncio.run(run())


def test_a_refused_message_is_sent_again_when_the_server_says() -> None:
    """So all of them arrive, once, though the server takes none at first."""
    refused = set()

    async def refuse_once(member: ServerConnection) -> None:
        members.add(member)
        async for text in member:
            frame = json.loads(text)
            if frame["id"] in refused:
                data = {"message": frame["message"]}
                broadcast(members - {member}, json.dumps({"type": "message", "data": data}))
                continue
            refused.add(frame["id"])
            later = {"retry": "later", "retryAfter": 0.01, "id": frame["id"]}
            await member.send(json.dumps({"type": "error", "code": "slow_down", **later}))

    async def run() -> None:
        async with serve(refuse_once, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            outcome = await chat(
                f"ws://127.0.0.1:{port}", clients=3, senders=2, messages=6, rate=1000, timeout=60
            )
        assert outcome.complaint is None, str(outcome)
        assert (outcome.slowed, outcome.refused, len(outcome.delays)) == (6, 0, 6 * 2)

    members: set[ServerConnection] = set()
    asyncio.run(run())


def test_a_message_that_some_have_got_is_lost_to_the_others() -> None:
    """Though its sender was refused another; and so is one whose sender was refused nothing."""
    tally = Arrivals()
    tally.copies.update([(2, "0:0"), (1, "0:0"), (1, "0:1")])
    tally.refusals[0] = 1
    texts = [["0:0", "0:1", "0:2"], ["1:0"]]
    expected = {(n, text) for n in (1, 2) for text in texts[0]} | {(n, "1:0") for n in (0, 2)}
    outcome = judge(tally, expected, texts, seconds=1)
    assert (outcome.messages, outcome.refused, outcome.lost) == (4, 1, 3)
    assert outcome.complaint == "The chat did not deliver every message once to everyone else."


def test_doubled_and_echoed_messages_are_told_apart() -> None:
    """One that comes twice is doubled, one that its sender gets is unexpected; both are wrong."""
    tally = Arrivals()
    tally.copies.update([(1, "0:0"), (1, "0:0"), (0, "0:0")])
    outcome = judge(tally, {(1, "0:0")}, [["0:0"], []], seconds=1)
    assert (outcome.refused, outcome.lost, outcome.doubled, outcome.unexpected) == (0, 0, 1, 1)
    assert outcome.complaint


@pytest.mark.parametrize(
    "command", ["bench.load.lobby {}", "bench.load.reconnects {}", "bench flood --url {}"]
)
def test_a_tool_says_that_no_application_answers(command: str) -> None:
    """In one line, with the URL and how to start it; it does not wait for one."""
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"ws://127.0.0.1:{unheard.getsockname()[1]}/api"
        finished = run_tool(command.format(url))
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr == (
        f"No application answers at {url}: start it with `make run`, or give another URL.\n"
    )


def test_a_tool_says_that_it_is_not_let_in() -> None:
    """With the status, such as 401 where the application wants a token."""

    async def run() -> None:
        async with serve(
            Lobby(limit=0), "127.0.0.1", 0, process_request=lambda one, _: one.respond(401, "")
        ) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/api"
            finished = await asyncio.to_thread(run_tool, f"bench.load.reconnects {url}")
        assert finished.returncode == 1
        assert finished.stderr == (
            f"The application at {url} lets nobody in:"
            " server rejected WebSocket connection: HTTP 401.\n"
        )

    asyncio.run(run())


def run_tool(command: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m` and a command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
