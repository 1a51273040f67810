"""Output of `python -m apigw_local` during a session, from connect to close."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from gateway_support.terminal import Terminal, run_app
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

APP = """
from chalice import Chalice

app = Chalice("blunt")
app.experimental_feature_flags.add("WEBSOCKETS")

@app.on_ws_connect()
def connect(event):
    pass

@app.on_ws_message()
def message(event):
    if event.body == "fail":
        answer(event.body)
    return {"statusCode": 200, "body": "to nobody"}

@app.on_ws_disconnect()
def disconnect(event):
    pass

def answer(text):
    raise LookupError("no answer")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An app that fails when told to."""
    project = tmp_path / "blunt"
    (project / ".chalice").mkdir(parents=True)
    (project / ".chalice" / "config.json").write_text('{"version": "2.0", "app_name": "blunt"}')
    (project / "app.py").write_text(APP)
    return project


def session(terminal: Terminal, *texts: str) -> str:
    """Say something over a WebSocket, close it, and return what the terminal shows of it all."""
    wait_until(lambda: "Serving on" in terminal.output, seconds=30)
    with connect(f"ws://127.0.0.1:{terminal.port + 1}/api") as client:
        for text in texts:
            client.send(text)
        wait_until(lambda: terminal.output.count("  message  ") == len(texts))
    wait_until(lambda: "  disconnect  " in terminal.output)
    terminal.end()
    return terminal.output


def test_a_session_is_lines(project: Path, aws: dict[str, Any]) -> None:
    """Each event is a line, a hint is said once, and a failure shows the app's own frames once.

    No message's text is there, and no colour, since the output is a file.
    """
    terminal = run_app(project, **_environment(aws))
    try:
        output = session(terminal, "sécret", "sécret", "fail")
    finally:
        terminal.end()

    line = r"\d\d:\d\d:\d\d\.\d{3}  "
    assert re.search(rf"{line}connect +\S{{8}}  websocket_connect +101 +\d+ ms  from 127", output)
    assert re.search(rf"{line}message +\S{{8}}  websocket_message +ok +\d+ ms  7 bytes", output)
    assert re.search(
        rf"{line}message +\S{{8}}  websocket_message +fail +\d+ ms"
        r"  4 bytes, answered 'Internal server error'",
        output,
    )
    assert re.search(rf"{line}close +\S{{8}} +1000", output)
    assert re.search(rf"{line}disconnect +\S{{8}}  websocket_disconnect +ok +\d+ ms", output)
    assert output.count("returned a body") == 1
    assert re.findall(r'File "(.+)", line \d+, in (\w+)', output) == [
        (str(project / "app.py"), "message"),
        (str(project / "app.py"), "answer"),
    ]
    assert output.count("LookupError: no answer") == 1
    assert "sécret" not in output
    assert "\x1b" not in output


def test_verbose_shows_whole_events(project: Path, aws: dict[str, Any]) -> None:
    """With --verbose the event stands below its line, as the handler has seen it."""
    terminal = run_app(project, "--verbose", **_environment(aws))
    try:
        output = session(terminal, "sécret")
    finally:
        terminal.end()

    message = output.partition("  message  ")[2]
    event, _ = json.JSONDecoder().raw_decode(message[message.index("{") :])
    assert event["body"] == "sécret"
    assert event["requestContext"]["routeKey"] == "$default"


def _environment(aws: dict[str, Any]) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": aws["endpoint_url"],
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
