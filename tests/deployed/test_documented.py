"""The lines of README.md and docs/deploy.md, typed as they stand there, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.deployed.conftest import DEPLOY_SECONDS
from tests.deployed.deployment import Deployment, interrupt
from tests.deployed.holdings import held
from tests.deployed.ministack import running
from tests.support.checkout import Checkout, documented

if TYPE_CHECKING:
    from pathlib import Path

AFTER = (1, 5, 8, 13, 22, 31)
"""Calls that each run may make: from the stack's own to those between Chalice and the end.

Of each kind one: no role yet, a role without a policy, a function without a record, a mapping, an
API without routes, without a stage.
"""

ONE_OF_EACH = {
    "apigateway items": 1,
    "apigatewayv2 Items": 1,
    "lambda Functions": 5,
    "lambda EventSourceMappings": 1,
    "iam Roles": 5,
}

ELSEWHERE = {
    "forget": "tests/deployed/test_operations.py",
    "package": "tests/infra/test_package.py",
    "run": "test_a_reader_starts_what_the_other_tests_start",
    "test": "whoever runs this",
}
"""Folder in which the other lines for `make` are typed."""


@pytest.mark.timeout(2 * DEPLOY_SECONDS)
def test_the_documented_lines(tmp_path: Path) -> None:
    """A stage comes, is looked at, and goes, with nothing set but what the documents say.

    However often its deployment is interrupted, one of everything is made, also without a record.
    """
    checkout = Checkout(tmp_path / "checkout")
    with running(tmp_path, enforcing=False) as endpoint:
        for calls in AFTER:
            interrupt(checkout, endpoint, "deploy", calls)
        deployment = Deployment(checkout, endpoint)
        urls = [deployment.page, deployment.websocket]
        assert counts(deployment) == ONE_OF_EACH
        assert deployment.run("url").splitlines() == urls
        deployment.run("logs")
        deployment.lose_record()
        assert deployment.deploy() == urls
        assert counts(deployment) == ONE_OF_EACH
        assert deployment.run("redrive") == "Dead letters put back into the queue: 0\n"
        deployment.run("destroy")
        assert {key: values for key, values in held(deployment).items() if values} == {}
        deployment.deploy()
        assert counts(deployment) == ONE_OF_EACH


def test_every_documented_line_is_typed() -> None:
    """The lines for `make` are those of the script above, and some that are typed elsewhere."""
    here = {"deploy", "url", "logs", "redrive", "destroy"}
    assert documented().keys() == here | ELSEWHERE.keys()


def counts(deployment: Deployment) -> dict[str, int]:
    """Number of resources that Chalice makes."""
    there = held(deployment)
    return {key: len(there[key]) for key in ONE_OF_EACH}
