"""Environment of the app's handlers under the local server."""

from __future__ import annotations

import os

import pytest

from apigw_local.aws import environment


def test_no_way_leads_to_the_developers_account() -> None:
    """Keys, profiles, sessions and endpoints of a real account are gone; other settings stay."""
    env = {
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_PROFILE": "work",
        "AWS_ENDPOINT_URL_DYNAMODB": "https://dynamodb.eu-central-1.amazonaws.com",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "NO_PROXY": "example.org",
        "HOME": "/home/me",
    }

    environment.confine(env, "http://127.0.0.1:4566")

    assert env == {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "example.org,127.0.0.1,localhost",
        "HOME": "/home/me",
    }


@pytest.mark.parametrize(
    ("given", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-north-1"),
    ],
)
def test_the_region_is_the_developers_or_the_default(given: dict[str, str], region: str) -> None:
    """Both variables have one region, as on Lambda."""
    assert environment.set_region(given) == region
    assert given == {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}


def test_metrics_are_silent_unless_somebody_wants_them() -> None:
    """No CloudWatch reads a terminal; who sets the variable decides."""
    unset: dict[str, str] = {}
    environment.silence_metrics(unset)
    assert unset == {"POWERTOOLS_METRICS_DISABLED": "true"}
    wanted = {"POWERTOOLS_METRICS_DISABLED": "false"}
    environment.silence_metrics(wanted)
    assert wanted == {"POWERTOOLS_METRICS_DISABLED": "false"}
