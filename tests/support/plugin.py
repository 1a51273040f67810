"""Plugin of every test run: no ambient account, and files that stay on one worker."""

from __future__ import annotations

import os

import pytest

# Before any import of app.py: Chalice's decorators need the queue's name.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_REGION="us-east-1",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    FANFARE_TABLE="fanfare-dev",
    FANFARE_QUEUE="fanfare-dev.fifo",
    FANFARE_DEAD_LETTER_QUEUE="fanfare-dev-dead.fifo",
    # Clients in tests may hurry; tests of the limits set their own.
    FANFARE_FRAMES_PER_SECOND="1000",
    FANFARE_JOINS_PER_SECOND="1000",
    POWERTOOLS_SERVICE_NAME="fanfare-dev",
)
for key in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_CHALICE_CLI_MODE"):
    os.environ.pop(key, None)

TOGETHER = {"browser", "conformance", "deployed", "examples"}
"""Folders whose tests share servers: one worker runs all of a folder, and starts them once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody name what is deployed already; without, the tests make their own."""
    parser.addoption(
        "--url", help="the WebSocket URL of a stage, or of the conformance app: say which tests"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file, or of one folder that shares servers, on one worker."""
    for item in items:
        folder = item.path.parent.name
        group = folder if folder in TOGETHER else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
