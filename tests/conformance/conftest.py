"""The stage that the suite runs against: a local one, or the one at `--url`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apigw_local.gateway.quotas import AWS_QUOTAS, Quotas
from apigw_local.options import parse
from tests.conformance.differences import KNOWN
from tests.conformance.local import running
from tests.conformance.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
HURRIED = "integration_seconds=1,idle_seconds=2,lifetime_seconds=4"
SLOW_SECONDS = AWS_QUOTAS.lifetime_seconds + 600


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let somebody say more about the deployed app that `--url` names."""
    group = parser.getgroup("conformance")
    group.addoption("--target", choices=list(KNOWN), default="aws", help="what is behind the URL")
    group.addoption("--slow", action="store_true", help="wait for what takes up to two hours there")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expect the known differences of what is behind the URL to fail."""
    known = KNOWN[config.getoption("target", "aws")] if config.getoption("url", None) else {}
    for item in items:
        if item.path.parent != HERE:
            continue
        if reason := known.get(item.name.partition("[")[0]):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if config.getoption("slow", default=False):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session")
def open_stage(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """The stage, for all tests."""
    if url := pytestconfig.getoption("url", None):
        yield Stage(url, AWS_QUOTAS)
        return
    with running(tmp_path_factory.mktemp("conformance")) as url:
        yield Stage(url, AWS_QUOTAS)


@pytest.fixture
def stage(open_stage: Stage) -> Iterator[Stage]:
    """The stage, for one test, whose visits end with it."""
    yield open_stage
    open_stage.close()


@pytest.fixture(scope="session")
def hurried(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """A stage whose clocks run out: soon, on this machine; as on AWS, at a URL, with `--slow`."""
    if url := pytestconfig.getoption("url", None):
        if not pytestconfig.getoption("slow", default=False):
            pytest.skip("takes up to two hours at a URL: --slow does it")
        yield Stage(url, AWS_QUOTAS)
        return
    with running(tmp_path_factory.mktemp("hurried"), "--limits", HURRIED) as url:
        stage = Stage(url, parse(Quotas, HURRIED, "limits"))
        yield stage
        stage.close()
