"""Each example does under `python -m apigw_local` what its README says."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.examples.running import running, websocket_url
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway_support.terminal import Terminal

    Connect = Callable[[Terminal], ClientConnection]

SECONDS = 10.0


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The rooms app."""
    with running("rooms", tmp_path_factory.mktemp("rooms")) as terminal:
        yield terminal


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The orders app."""
    with running("orders", tmp_path_factory.mktemp("orders")) as terminal:
        yield terminal


@pytest.fixture
def join() -> Iterator[Connect]:
    """Connect to an app, until the test ends."""
    with ExitStack() as stack:

        def open_one(terminal: Terminal) -> ClientConnection:
            client: ClientConnection = stack.enter_context(connect(websocket_url(terminal)))
            return client

        yield open_one


def hear(client: ClientConnection) -> dict[str, Any]:
    """Return the next frame, which is JSON."""
    frame: dict[str, Any] = json.loads(client.recv(SECONDS))
    return frame


def ask(client: ClientConnection, **frame: str) -> dict[str, Any]:
    """Send a frame, and return the next one."""
    client.send(json.dumps(frame))
    return hear(client)


def call(port: int, path: str, body: object = None) -> tuple[int, Any]:
    """POST to an app, and return the answer's status and what its JSON holds."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as http:
        http.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = http.getresponse()
        return answer.status, json.loads(answer.read())


def test_echo_knows_its_connections(echo: Terminal) -> None:
    """`app.websocket_api.info` tells who is connected, and since when."""
    with connect(websocket_url(echo, "?token=sesame"), user_agent_header="me") as client:
        client.send("info")
        about = hear(client)
    assert about["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "me"}
    assert about["ConnectedAt"] <= about["LastActiveAt"]


def test_a_room_hears_its_members(rooms: Terminal, join: Connect) -> None:
    """A message in a room reaches all its members, and nobody elsewhere."""
    ada, grace, elsewhere = join(rooms), join(rooms), join(rooms)
    assert ask(ada, action="join", room="tea") == {"joined": "tea", "members": 1}
    assert ask(grace, action="join", room="tea") == {"joined": "tea", "members": 2}
    ask(elsewhere, action="join", room="coffee")
    said = {"room": "tea", "text": "hi"}
    assert ask(ada, action="say", text="hi") == said
    assert hear(grace) == said
    assert ask(elsewhere, action="say", text="alone") == {"room": "coffee", "text": "alone"}


def test_a_room_forgets_who_left(rooms: Terminal, join: Connect) -> None:
    """The table holds those who are there, also after a connection that just broke."""
    ada, grace, broken = join(rooms), join(rooms), join(rooms)
    for client in (ada, grace, broken):
        ask(client, action="join", room="cake")
    grace.close()
    broken.close_socket()
    wait_until(lambda: ask(ada, action="join", room="cake")["members"] == 1)


def test_a_room_refuses_what_it_cannot_read(rooms: Terminal, join: Connect) -> None:
    """A bad request is answered with what a good one has."""
    client = join(rooms)
    assert "join" in ask(client, action="say", text="hi")["error"].lower()
    assert "'dance'" in ask(client, action="dance")["error"]
    client.send("not JSON")
    assert hear(client)["error"] == "A request has an action, and a room or a text."


def test_an_order_is_called_out(orders: Terminal, join: Connect) -> None:
    """An order comes over HTTP, goes through a standard queue, and reaches its customer."""
    client = join(orders)
    client.send("Ada")
    assert client.recv(SECONDS) == "Welcome, Ada."
    for dish in ("soup", "bread"):
        status, answer = call(orders.port, "/orders", {"name": "Ada", "dish": dish})
        assert (status, set(answer)) == (202, {"order"})
    heard = {client.recv(SECONDS) for _ in range(2)}
    assert heard == {"Your soup is ready.", "Your bread is ready."}


def test_an_order_lacks_nothing(orders: Terminal) -> None:
    """One without a dish is refused with 400."""
    status, answer = call(orders.port, "/orders", {"name": "Ada"})
    assert (status, answer["Message"]) == (400, "An order has a name and a dish.")


def test_the_schedule_runs_on_demand(orders: Terminal, join: Connect) -> None:
    """A POST to the status page runs a function that AWS runs each hour."""
    client = join(orders)
    client.send("Grace")
    client.recv(SECONDS)
    status, answer = call(orders.port + 1, "/_gateway/schedules/announce")
    assert status == 200
    assert client.recv(SECONDS) == "The kitchen is open."
    assert answer["result"]["told"] >= 1
