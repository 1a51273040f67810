"""`python -m apigw_local`, with an app that knows nothing of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from gateway_support.terminal import (
    OFFLINE,
    Terminal,
    copy_app,
    run_app,
    wait_until_gone,
)
from tests.support.application import free_port_pair
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """The app, kept offline, its AWS made from a YAML template; Ctrl-C leaves nothing of it."""
    project = copy_app(tmp_path_factory.mktemp("plain"))
    (project.parent / "bench.py").touch()  # in the folder where the command is typed
    running = run_app(
        project, *("--resources", "plain/tables.yaml"), *("--limits", "frame_bytes=100")
    )
    yield running
    family = running.family()
    running.end()
    wait_until_gone(family)
    assert "Traceback" not in running.output


@pytest.fixture(scope="module")
def page(terminal: Terminal) -> dict[str, Any]:
    """The app's page with its surroundings, once it is served."""
    return terminal.page()


@pytest.fixture
def client(terminal: Terminal, page: dict[str, Any]) -> Iterator[ClientConnection]:
    """A client of its WebSocket API; the page is there once all is."""
    assert page
    with connect(f"ws://127.0.0.1:{terminal.port + 1}/api") as client:
        yield client


def ask(client: ClientConnection, text: str) -> str | bytes:
    """Send a text, and return the answer."""
    client.send(text)
    return client.recv(timeout=10)


def test_the_app_finds_its_own_folder_and_modules(page: dict[str, Any], terminal: Terminal) -> None:
    """The app runs in its folder, with its own modules and none from where it was typed."""
    assert page["welcome"] == "the app's own"
    assert page["folder"] == str(terminal.project)
    assert page["strangers"] == []


def test_what_it_makes_at_import_is_led_to_the_embedded_aws(page: dict[str, Any]) -> None:
    """Its module-level client and resource, named by the stage's environment, work here."""
    assert page["endpoint"].startswith("http://127.0.0.1:")
    assert page["visitors"] == 1


@pytest.mark.parametrize(
    ("request_", "answer"),
    [("info", "127.0.0.1"), ("own client", "sent by its own client"), ("errand", "errand done")],
)
def test_what_it_sends_reaches_the_client(
    client: ClientConnection, request_: str, answer: str
) -> None:
    """Chalice's API, a client of the event's domain name, and a queue's function: all arrive."""
    assert ask(client, request_) == answer


def test_it_can_close_a_connection(client: ClientConnection) -> None:
    """`websocket_api.close` ends a connection as on AWS."""
    client.send("close")
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=10)

    assert client.close_code == 1000


def test_limits_are_those_asked_for(client: ClientConnection) -> None:
    """A frame above the limit that --limits has lowered closes with 1009."""
    client.send("x" * 101)
    with pytest.raises(ConnectionClosed):
        client.recv(timeout=10)

    assert client.close_code == 1009


@pytest.mark.parametrize("offset", [0, 1], ids=["http", "websocket"])
def test_only_the_loopback_address_is_listened_on(
    terminal: Terminal, page: dict[str, Any], offset: int
) -> None:
    """Unless --host says otherwise, neither port is bound to every address."""
    assert page
    with closing(socket.socket()) as elsewhere:
        assert elsewhere.connect_ex(("127.0.0.2", terminal.port + offset)) != 0


def test_nothing_leaves_the_machine(client: ClientConnection, terminal: Terminal) -> None:
    """With all of that done, no other host was looked up or connected to."""
    ask(client, "own client")
    ask(client, "errand")

    assert "LEAK" not in terminal.output


def test_offline_refuses_and_reports() -> None:
    """A lookup and a connection elsewhere fail and are reported: the test above relies on it."""
    attempts = (
        "import socket\n"
        "for attempt in (lambda: socket.getaddrinfo('example.org', 443),\n"
        "                lambda: socket.create_connection(('192.0.2.1', 443), timeout=1)):\n"
        "    try: attempt()\n"
        "    except OSError: pass\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", attempts],
        env={**os.environ, "PYTHONPATH": str(OFFLINE)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stderr.count("LEAK") == 2


def test_the_terminal_tells_where_everything_is(page: dict[str, Any], terminal: Terminal) -> None:
    """Addresses, how to run what is scheduled, and what is not run here."""
    port = terminal.port + 1
    assert page
    for line in (
        f"HTTP       http://127.0.0.1:{terminal.port}\n",
        f"WebSocket  ws://127.0.0.1:{port}/api\n",
        f"Status     http://127.0.0.1:{port}/_gateway\n",
        "tidy, rate(1 hour), is run by: curl -X POST"
        f" http://127.0.0.1:{port}/_gateway/schedules/tidy\n",
        "Not run    read (SNS)",
    ):
        assert line in terminal.output


def test_how_queues_differ_is_told(page: dict[str, Any], terminal: Terminal) -> None:
    """A queue that no template makes, batches above 10 and a batching window are remarked on."""
    assert page
    output = " ".join(terminal.output.split())
    assert "errand reads the queue 'plain-errands', which no template makes" in output
    assert "errand asks for batches of up to 20 records." in output
    assert "errand lets Lambda wait up to 1 s for a batch to fill." in output


def test_a_broken_app_waits_for_its_repair(tmp_path: Path) -> None:
    """The traceback begins in the app, a broken template is told too, and each repair is served."""
    project = copy_app(tmp_path)
    code = (project / "app.py").read_text()
    (project / "app.py").write_text(code + "\nraise ValueError('broken on purpose')\n")
    (project / "resources.json").write_text("{broken")
    with run_app(project) as terminal:
        wait_until(lambda: terminal.output.count("Waiting for a change") == 1, seconds=30)
        assert f"{project}/app.py can't be imported:" in terminal.output
        assert "ValueError: broken on purpose" in terminal.output
        assert "importlib" not in terminal.output

        (project / "app.py").write_text(code)
        wait_until(lambda: terminal.output.count("Waiting for a change") == 2, seconds=30)
        assert "resources.json can't be read" in terminal.output

        (project / "resources.json").write_text('{"Resources": {}}')
        wait_until(lambda: terminal.starts() == 1, seconds=30)


def test_an_app_that_attaches_is_served_the_same(tmp_path: Path) -> None:
    """An app with the two lines for `chalice local` changes nothing: one runtime, one AWS."""
    with run_app(copy_app(tmp_path, "echo")) as terminal:
        with connect(terminal.page()["environment"]["WEBSOCKET_URL"]) as client:
            assert ask(client, "hello") == "hello"
        assert "(embedded, in memory until you stop)" in terminal.output


def test_a_port_in_use_is_told_and_ends_it(tmp_path: Path) -> None:
    """The message names the port, and this command for another try."""
    port = free_port_pair()
    options = ("--port", str(port), "--resources", "plain/tables.yaml")
    with (
        socket.create_server(("127.0.0.1", port + 1)),
        run_app(copy_app(tmp_path), *options) as terminal,
    ):
        terminal.process.wait(timeout=30)

    assert f"Port {port + 1} on 127.0.0.1 is already in use" in terminal.output
    assert "python -m apigw_local --port 8100" in terminal.output
