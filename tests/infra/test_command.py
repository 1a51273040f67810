"""Messages of `python -m infra` when it can't do what it is asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.infra.conftest import Run


@pytest.fixture
def nowhere() -> Iterator[str]:
    """A URL at which nothing answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # and does not listen
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def complaint(run: Run, *arguments: str, **env: str) -> str:
    """Return what a command that fails writes to its standard error."""
    finished = run("python", "-m", "infra", *arguments, **env)
    assert finished.returncode == 1, finished.stdout
    assert "Traceback" not in finished.stderr
    return finished.stderr


def test_an_unknown_stage_is_told_with_those_that_there_are(run: Run) -> None:
    """Stages are what config.json says."""
    assert complaint(run, "deploy", "--stage", "prud") == (
        "There is no stage 'prud': .chalice/config.json has dev, prod.\n"
    )


def test_without_credentials_it_says_how_to_get_some(run: Run) -> None:
    """And names the ways, also the one of emulators."""
    text = complaint(run, "deploy", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert text.startswith("There are no AWS credentials")
    assert "aws sso login" in text
    assert "AWS_ENDPOINT_URL" in text


def test_without_a_region_it_says_so(run: Run) -> None:
    """A region has to be chosen."""
    assert "set AWS_REGION" in complaint(run, "deploy", AWS_REGION="", AWS_DEFAULT_REGION="")


def test_chalice_deploy_stops_before_it_makes_anything(run: Run, nowhere: str) -> None:
    """Typed by itself it would make functions without a table; the line to type is told."""
    finished = run("chalice", "deploy", "--stage", "dev", AWS_ENDPOINT_URL=nowhere)
    assert finished.returncode == 1
    assert finished.stderr.startswith("Error: `chalice deploy` makes the functions alone")
    assert finished.stderr.endswith("Type: make deploy STAGE=dev\n")


def test_prod_is_not_deployed_without_tokens(run: Run) -> None:
    """Its functions would refuse to start; what to set is said before anything is made."""
    text = complaint(run, "deploy", "--stage", "prod")
    assert "FANFARE_AUTH is 'anonymous' on the stage prod" in text
    assert "environment_variables in .chalice/config.json" in text


def test_an_emulator_that_does_not_answer_is_named(run: Run, nowhere: str) -> None:
    """With the URL that was tried, and what to do."""
    text = complaint(run, "deploy", AWS_ENDPOINT_URL=nowhere)
    assert text.startswith(f"Nothing answers at AWS_ENDPOINT_URL={nowhere}")
    assert "start the emulator" in text


def test_without_a_user_nobody_is_forgotten(run: Run, nowhere: str) -> None:
    """And the line to type is told; AWS is not asked."""
    text = complaint(run, "forget", AWS_ENDPOINT_URL=nowhere)
    assert text.startswith("Which user? make forget STAGE=dev USER=<user id>")
    assert text.endswith("Nothing was done.\n")


def test_what_can_be_no_user_is_told(run: Run, nowhere: str) -> None:
    """With the value: it may be an address of mail, or cut off by the shell."""
    text = complaint(run, "forget", "--user", "ada@example.com", AWS_ENDPOINT_URL=nowhere)
    assert text.startswith("USER is 'ada@example.com': A user id has 1 to 64 characters")
    assert text.endswith("Nothing was done.\n")


@pytest.mark.parametrize("user", ["", "ada-1", 'a"b; echo $HOME #'])
def test_make_forgets_the_user_on_its_command_line_alone(user: str) -> None:
    """Most shells have a variable USER of their own, with the name of whoever types."""
    assigned = [f"USER={user.replace('$', '$$')}"] if user else []
    made = subprocess.run(
        [
            "make",
            "--no-print-directory",
            "-o",
            ".venv/.ready-run",
            "INFRA=printf '%s,'",
            "forget",
            *assigned,
        ],
        cwd=PROJECT,
        env=os.environ | {"USER": "root"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert made.stdout == f"forget,--stage,dev,--user,{user},"


def test_a_stage_that_was_not_deployed_has_no_urls(run: Run) -> None:
    """And the command that deploys it is told."""
    assert "make deploy STAGE=prod" in complaint(run, "url", "--stage", "prod")


def test_urls_are_told_one_a_line(run: Run, project: Path) -> None:
    """The page's first, then the WebSocket API's, without asking AWS."""
    folder = project / ".chalice/deployed"
    folder.mkdir(exist_ok=True)
    path = folder / "prod.json"
    path.write_text(
        json.dumps(
            {
                "schema_version": "2.0",
                "resources": [
                    {
                        "name": "rest_api",
                        "resource_type": "rest_api",
                        "rest_api_id": "r1",
                        "rest_api_url": "https://r1.execute-api.us-east-1.amazonaws.com/api/",
                    },
                    {
                        "name": "websocket_api",
                        "resource_type": "websocket_api",
                        "websocket_api_id": "w1",
                        "websocket_api_url": "wss://w1.execute-api.us-east-1.amazonaws.com/api/",
                    },
                ],
            }
        )
    )
    try:
        there = run("python", "-m", "infra", "url", "--stage", "prod")
        emulated = run(
            "python", "-m", "infra", "url", "--stage", "prod", AWS_ENDPOINT_URL="http://here:4566"
        )
    finally:
        path.unlink()
    assert there.stdout.splitlines() == [
        "https://r1.execute-api.us-east-1.amazonaws.com/api/",
        "wss://w1.execute-api.us-east-1.amazonaws.com/api",
    ]
    assert emulated.stdout.splitlines() == [
        "http://here:4566/_aws/execute-api/r1/api/",
        "ws://here:4566/_aws/execute-api/w1/api",
    ]
