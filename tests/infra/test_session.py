"""The session of a deployment: the region somebody chose, and patience."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from infra import session
from tests.support import strict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("env", "region"),
    [
        ({"AWS_REGION": "eu-north-1"}, "eu-north-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_PROFILE": "p"}, "eu-north-1"),
        ({"AWS_PROFILE": "p"}, "eu-south-1"),
        ({}, None),
    ],
)
def test_a_region_is_found_where_somebody_set_it(
    env: dict[str, str], region: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """AWS_REGION goes first, then AWS_DEFAULT_REGION, then the profile; there is no default."""
    config = tmp_path / "config"
    config.write_text("[profile p]\nregion = eu-south-1\n")
    for key in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(key)
    for key, value in {**env, "AWS_CONFIG_FILE": str(config)}.items():
        monkeypatch.setenv(key, value)
    assert session.create(env).region_name == region


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_a_deployment_too_soon_is_tried_again(service: str) -> None:
    """API Gateway takes one in 5 s; the next waits its turn, and that is told."""
    made = session.create()
    said: list[str] = []
    session.wait_between_deployments(made._session, said.append, seconds=0)
    client: Any = made.client(service)  # type: ignore[call-overload]  # any
    strict.answer_deployments(client.meta.events, refusals=3)
    create = {"apigateway": {"restApiId": "a"}, "apigatewayv2": {"ApiId": "a"}}[service]
    client.create_deployment(**create)
    assert len(said) == 3
    assert "every 5 s" in said[0]


@pytest.mark.parametrize("service", ["apigateway", "apigatewayv2"])
def test_a_deployment_that_is_never_taken_is_given_up(service: str) -> None:
    """A minute is enough for whoever else deploys; then the refusal is told."""
    made = session.create()
    said: list[str] = []
    session.wait_between_deployments(made._session, said.append, seconds=0)
    client: Any = made.client(service)  # type: ignore[call-overload]  # any
    strict.answer_deployments(client.meta.events, refusals=100)
    create = {"apigateway": {"restApiId": "a"}, "apigatewayv2": {"ApiId": "a"}}[service]
    with pytest.raises(ClientError, match="TooManyRequests"):
        client.create_deployment(**create)
