"""Plugin of every test run: no ambient account, files that stay on one worker, and their order."""

from __future__ import annotations

import gc
import os

import pytest

from tests.support.project import PROJECT

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

APART = {
    PROJECT / "tests/deployed" / name for name in ("test_documented.py", "test_conformance.py")
}
"""Files of such a folder that share nothing with the others: another worker may run them."""

LONGEST_FIRST = (
    "tests/deployed",
    "tests/unit/test_bench.py",
    "packages/apigw-local/tests/test_leaks.py",
    "tests/browser",
    "tests/contract",
    "tests/faults",
)
"""Places of the groups that take longest: begun last, one of them would keep one worker alone."""

ALLOCATIONS = 50_000
"""Objects made between two collections: tests make many, and keep few."""


def pytest_xdist_auto_num_workers() -> int:
    """Run two workers for each processor: many tests wait for servers most of the time."""
    return 2 * (os.cpu_count() or 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody name what is deployed already; without, the tests make their own."""
    parser.addoption(
        "--url", help="the WebSocket URL of a stage, or of the conformance app: say which tests"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one file, or of one folder that shares servers, on one worker."""
    items.sort(key=_rank)
    for item in items:
        folder = item.path.parent.name
        group = folder if folder in TOGETHER and item.path not in APART else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays for the whole run: modules, and the tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 20, 20)


def _rank(item: pytest.Item) -> int:
    places = enumerate(LONGEST_FIRST)
    return next(
        (rank for rank, place in places if item.path.is_relative_to(PROJECT / place)),
        len(LONGEST_FIRST),
    )
