"""A deployed stage: made here on an emulated AWS, or the one at `--url`, where nothing is made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.deployed.deployment import Deployment
from tests.deployed.ministack import running
from tests.support.checkout import Checkout

if TYPE_CHECKING:
    from collections.abc import Iterator

# Chalice waits 5 s for each function that it makes, and 10 s for each that it changes.
DEPLOY_SECONDS = 300


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time of the deployment that the first of them asks for."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(DEPLOY_SECONDS))


def allow_logs(endpoint: str) -> None:
    """Give API Gateway a role to write logs with, as docs/deploy.md says."""
    client = boto3.client("apigateway", endpoint_url=endpoint)
    role = "arn:aws:iam::000000000000:role/apigateway-logs"
    client.update_account(
        patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role}]
    )


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated AWS that enforces policies."""
    with running(tmp_path_factory.mktemp("aws"), enforcing=True) as url:
        allow_logs(url)
        yield url


@pytest.fixture(scope="session")
def emulated(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The project, deployed there."""
    return Deployment(Checkout(tmp_path_factory.mktemp("deployed")), aws)


@pytest.fixture
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """The deployment, for tests that change it: never somebody's real one."""
    if request.config.getoption("url", None):
        pytest.skip("with --url nothing is deployed or changed")
    made: Deployment = request.getfixturevalue("emulated")
    return made


@pytest.fixture
def websocket(request: pytest.FixtureRequest) -> str:
    """The WebSocket URL of the stage, wherever it is."""
    url: str | None = request.config.getoption("url", None)
    if url:
        return url.rstrip("/")
    made: Deployment = request.getfixturevalue("emulated")
    return made.websocket
