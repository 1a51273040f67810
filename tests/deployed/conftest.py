"""A deployed stage: made here on an emulated AWS, or the one at `--url`, where nothing is made."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tests.conftest import PROJECT
from tests.deployed.deployment import Deployment
from tests.deployed.ministack import running

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody name the stage to test."""
    with suppress(ValueError):  # tests/conformance has an option of this name as well
        parser.addoption("--url", help="the WebSocket URL of a deployed stage")


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated AWS that enforces policies."""
    with running(tmp_path_factory.mktemp("aws"), enforcing=True) as url:
        yield url


@pytest.fixture(scope="session")
def emulated(aws: str, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The project, deployed there."""
    return Deployment(PROJECT, tmp_path_factory.mktemp("deployed") / "project", aws)


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
