"""Number of inputs: some thousand with every run of the tests, many more by `make fuzz`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from moto import mock_aws

from tests.fuzz.tried import tried
from tests.support import resources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient

settings.register_profile("fuzz", max_examples=5_000, print_blob=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many inputs there were."""
    if tried.total():
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(tried.items()))
        terminalreporter.write_line(f"fuzzed: {tried.total():,} inputs ({kinds})")


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[DynamoDBClient]:
    """The emulated service."""
    with mock_aws():
        yield resources.client("dynamodb")
