"""The real `chalice local`, with a small app of this folder's own."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway_support.terminal import OFFLINE, Terminal, copy_app, wait_until_gone
from tests.support.application import free_port_pair
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The app's folder."""
    return copy_app(tmp_path, "echo")


@pytest.fixture
def terminal(project: Path) -> Iterator[Terminal]:
    """A plain `chalice local`, ended after the test."""
    with Terminal(project) as terminal:
        yield terminal


def echo(websocket_url: str, text: str) -> str | bytes:
    """Say something over a WebSocket and return the answer."""
    with connect(websocket_url) as client:
        client.send(text)
        return client.recv(timeout=10)


def test_the_page_the_websocket_and_the_queue_work(terminal: Terminal) -> None:
    """With no flag and no account there is a page, and an echo that goes through SQS."""
    environment = terminal.page()["environment"]

    assert environment["WEBSOCKET_URL"] == f"ws://127.0.0.1:{terminal.port + 1}/api"
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment["AWS_ACCESS_KEY_ID"] == "local"
    assert environment["AWS_REGION"] == "us-east-1"
    assert echo(environment["WEBSOCKET_URL"], "hello") == "hello"
    assert f"WebSocket  {environment['WEBSOCKET_URL']}" in terminal.output


def test_the_resources_are_those_of_the_template(terminal: Terminal) -> None:
    """The embedded AWS has the table with its TTL, and the queue with its FIFO settings."""
    endpoint = terminal.page()["environment"]["AWS_ENDPOINT_URL"]
    with (
        closing(boto3.client("dynamodb", endpoint_url=endpoint)) as dynamodb,
        closing(boto3.client("sqs", endpoint_url=endpoint)) as sqs,
    ):
        expiry = dynamodb.describe_time_to_live(TableName="echo-dev")["TimeToLiveDescription"]
        queue_url = sqs.get_queue_url(QueueName="echo-dev.fifo")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])

    assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
    expected = {
        "FifoQueue": "true",
        "DeduplicationScope": "messageGroup",
        "FifoThroughputLimit": "perMessageGroupId",
        "VisibilityTimeout": "180",
    }
    assert expected.items() <= attributes["Attributes"].items()


def test_a_change_reloads_and_keeps_the_data(terminal: Terminal, project: Path) -> None:
    """An edit of app.py is served after a moment, by a worker that finds the tables as they were.

    Clients are told to go away (1001), so that they connect again.
    """
    before = terminal.page()
    with connect(before["environment"]["WEBSOCKET_URL"]) as client:
        code = (project / "app.py").read_text()
        (project / "app.py").write_text(code.replace("VERSION = 1", "VERSION = 2"))
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=20)

    wait_until(lambda: terminal.starts() >= 2, seconds=20)
    after = terminal.page()

    assert client.close_code == 1001
    assert (before["version"], after["version"]) == (1, 2)
    # A visit that was answered too late for its visitor counts as well.
    assert after["visits"] > before["visits"]
    assert after["environment"] == before["environment"]
    assert echo(after["environment"]["WEBSOCKET_URL"], "again") == "again"


@pytest.mark.parametrize("options", [(), ("--no-autoreload",)], ids=["reloading", "single"])
def test_ctrl_c_leaves_no_process(project: Path, options: tuple[str, ...]) -> None:
    """An interrupt of the process group ends the command and all that it has started."""
    with Terminal(project, *options) as terminal:
        terminal.page()
        family = terminal.family()

    wait_until_gone(family)
    assert "Traceback" not in terminal.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_reloader_leaves_no_process(project: Path, number: signal.Signals) -> None:
    """The worker and the AWS end too if only the command's first process is killed."""
    with Terminal(project) as terminal:
        terminal.page()
        family = terminal.family()
        os.kill(terminal.process.pid, number)
        terminal.process.wait(timeout=20)

    wait_until_gone(family)


@pytest.mark.parametrize("offset", [0, 1], ids=["page", "websocket"])
@pytest.mark.parametrize("options", [(), ("--no-autoreload",)], ids=["reloading", "single"])
def test_a_port_in_use_is_told_and_ends_it(
    project: Path, offset: int, options: tuple[str, ...]
) -> None:
    """Whichever of the two ports is taken, the command says so, and what to do, and ends."""
    port = free_port_pair()
    taken = port + offset
    with (
        socket.create_server(("127.0.0.1", taken)),
        Terminal(project, *options, "--port", str(port)) as terminal,
    ):
        family = terminal.family()
        terminal.process.wait(timeout=30)

    wait_until_gone(family)
    assert f"Port {taken} on 127.0.0.1 is already in use" in terminal.output
    assert "chalice local --port" in terminal.output
    assert "Traceback" not in terminal.output


def test_stage_and_an_aws_of_ones_own(project: Path, aws: dict[str, Any]) -> None:
    """--stage chooses names and path, and a given AWS_ENDPOINT_URL is used, not embedded."""
    with Terminal(
        project,
        "--stage",
        "beta",
        AWS_ENDPOINT_URL=aws["endpoint_url"],
        AWS_ACCESS_KEY_ID="mine",
        AWS_SECRET_ACCESS_KEY="mine",
    ) as terminal:
        environment = terminal.page()["environment"]
        assert environment["AWS_ENDPOINT_URL"] == aws["endpoint_url"]
        assert environment["AWS_ACCESS_KEY_ID"] == "mine"
        assert environment["WEBSOCKET_URL"] == f"ws://127.0.0.1:{terminal.port + 1}/beta"
        assert echo(environment["WEBSOCKET_URL"], "hello") == "hello"
        assert len(terminal.family()) == 2


def test_what_is_sent_to_aws_reaches_the_gateway(project: Path) -> None:
    """Chalice's own API, which addresses AWS, sends to the local gateway; limits may be lowered.

    Its session was made while app.py was imported, before anything local ran.
    """
    code = (project / "app.py").read_text()
    posting, attaching = code.index("    gateway = boto3"), code.index('if "AWS_CHALICE_CLI_MODE"')
    code = (
        f"{code[:posting]}"
        "    for record in event:\n"
        "        said = json.loads(record.body)\n"
        "        app.websocket_api.configure_from_api_id('abcdefghij', 'api')\n"
        "        app.websocket_api.send(said['connection'], said['body'])\n\n\n"
        "app.websocket_api.session = boto3.session.Session()\n"
        f"{code[attaching:]}"
    )
    (project / "app.py").write_text(code)
    with Terminal(
        project, PYTHONPATH=str(OFFLINE), APIGW_LOCAL_LIMITS="frame_bytes=100"
    ) as terminal:
        url = terminal.page()["environment"]["WEBSOCKET_URL"]
        assert echo(url, "hello") == "hello"
        with connect(url) as client:
            client.send("x" * 101)
            with pytest.raises(ConnectionClosed):
                client.recv(timeout=10)
        assert client.close_code == 1009
        assert "LEAK" not in terminal.output


def test_faults_that_are_not_understood_are_told_and_end_it(project: Path) -> None:
    """APIGW_LOCAL_CHAOS with a key that there is not ends the command with the keys there are."""
    with Terminal(project, "--no-autoreload", APIGW_LOCAL_CHAOS="nonsense=1") as terminal:
        terminal.process.wait(timeout=30)

    assert "chaos has no 'nonsense'. There are: " in terminal.output
    assert "Traceback" not in terminal.output
