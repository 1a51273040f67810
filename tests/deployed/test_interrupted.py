"""A first deployment that is interrupted goes on when it is run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import strict
from tests.conftest import PROJECT
from tests.deployed.deployment import Deployment, infra
from tests.deployed.ministack import running
from tests.running import copy_project

if TYPE_CHECKING:
    from pathlib import Path

AFTER = (1, 5, 8, 13, 22, 31)
"""Calls that each run may make: from the stack's own to those between Chalice and the end.

Of each kind one: no role yet, a role without a policy, a function without a record, a mapping, an
API without routes, without a stage.
"""

ONE_OF_EACH = {
    "get_rest_apis": 1,
    "get_apis": 1,
    "list_functions": 5,
    "list_event_source_mappings": 1,
    "list_roles": 5,
}


def test_an_interrupted_deployment_goes_on(tmp_path: Path) -> None:
    """However often it is interrupted, one of everything is made, also without a record."""
    copy_project(PROJECT, tmp_path / "first")
    with running(tmp_path, enforcing=False) as endpoint:
        for calls in AFTER:
            env = {strict.INTERRUPT: str(calls)}
            finished = infra(tmp_path / "first", endpoint, "deploy", **env)
            assert finished.returncode, finished.stdout
            assert "failed with" not in finished.stderr
        deployment = Deployment(tmp_path / "first", tmp_path / "second", endpoint)
        assert counts(deployment) == ONE_OF_EACH
        deployment.lose_record()
        assert deployment.run("deploy").splitlines()[-2:] == [deployment.page, deployment.websocket]
        assert counts(deployment) == ONE_OF_EACH


def counts(deployment: Deployment) -> dict[str, int]:
    """How many there are of what Chalice makes."""
    asked = (
        ("apigateway", "get_rest_apis", "items"),
        ("apigatewayv2", "get_apis", "Items"),
        ("lambda", "list_functions", "Functions"),
        ("lambda", "list_event_source_mappings", "EventSourceMappings"),
        ("iam", "list_roles", "Roles"),
    )
    return {
        operation: len(getattr(deployment.client(service), operation)()[key])
        for service, operation, key in asked
    }
