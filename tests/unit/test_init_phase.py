"""The init phase: on Lambda, the import of app.py builds what the first invocation needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.project import PROJECT

CLIENTS = """
import gc, json, sys
import app
def clients():
    module = sys.modules.get("botocore.client")
    return sum(isinstance(o, module.BaseClient) for o in gc.get_objects()) if module else 0
gc.unfreeze()  # what is frozen is not among the objects
counts = [clients()]
"""

CALL = """
from chalice.local import LambdaContext
event = json.load(open("tests/functional/events/connect.json"))
answer = app.on_ws_connect(event, LambdaContext("connect", 512, 30000))
counts.append(clients())
"""

TLS = """
import json, sys
import app
from chalicelib import container
counts = ["_tls" in vars(container.graph())]
"""

PRINT = "\nprint(json.dumps(counts), file=sys.stderr)"


def run(code: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run some code in a fresh interpreter, with AWS out of reach."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env={**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def counts(code: str, **settings: str) -> list[int]:
    """Return how many AWS clients there were, as the code counted them."""
    done = run(code + PRINT, **settings)
    assert done.returncode == 0, done.stderr
    found: list[int] = json.loads(done.stderr.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    "handler",
    ["app.on_ws_connect", "app.on_ws_message", "app.on_ws_disconnect", "app.broadcast"],
)
def test_the_import_makes_the_clients_on_lambda(handler: str) -> None:
    """A function of the rooms has the table's client and the queue's once app.py is imported."""
    assert counts(CLIENTS, _HANDLER=handler) == [2]


def test_the_first_invocation_makes_no_client() -> None:
    """The objects made by the import are all that the first invocation needs."""
    assert counts(CLIENTS + CALL, _HANDLER="app.on_ws_connect") == [2, 2]


def test_the_import_makes_no_client_outside_of_lambda() -> None:
    """A test or a `chalice` command imports app.py without making clients."""
    assert counts(CLIENTS) == [0]


def test_the_page_makes_no_client() -> None:
    """The function that serves the page does not wait for clients."""
    assert counts(CLIENTS, _HANDLER="app.app") == [0]


@pytest.mark.parametrize("handler", ["app.on_ws_message", "app.broadcast"])
def test_the_import_reads_the_certificates_where_posts_go_out(handler: str) -> None:
    """The first post finds the TLS context ready."""
    assert counts(TLS, _HANDLER=handler) == [True]


@pytest.mark.parametrize("handler", ["app.on_ws_connect", "app.on_ws_disconnect"])
def test_the_import_reads_no_certificates_where_nothing_is_posted(handler: str) -> None:
    """A function that hardly ever posts does not wait for what posts need."""
    assert counts(TLS, _HANDLER=handler) == [False]


def test_a_wrong_setting_is_named_by_the_import_on_lambda() -> None:
    """The log of a function that can't start ends with the setting, its value and its form."""
    done = run("import app", _HANDLER="app.on_ws_message", FANFARE_POSTER="pigeons")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "chalicelib.core.errors.SettingsError:"
        " FANFARE_POSTER is 'pigeons': it takes sockets or boto3"
    )
