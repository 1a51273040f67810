"""Environment of the app and its AWS clients, led to a local AWS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from apigw_local.aws.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from pathlib import Path

DEFAULT_REGION = "us-east-1"
_NOBODY = "local"  # the embedded AWS takes any key; AWS knows none of this name

# Other ways of boto3 to an account: a profile, a session, a web identity, the roles of
# containers, or a per-service endpoint, which goes before AWS_ENDPOINT_URL.
# https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
_WAYS_OUT = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


@dataclass(frozen=True)
class EmulatedAws:
    """Emulated AWS.

    Attributes:
        region: the region of its clients.
        endpoint: its URL.
        embedded: whether this process started it; else AWS_ENDPOINT_URL has named it.
    """

    region: str
    endpoint: str
    embedded: bool


def lead_to_local_aws(project: Path, owner: int) -> EmulatedAws:
    """Lead every AWS client created from now on to a local AWS, started if none is given.

    Args:
        project: the app's folder.
        owner: the process that the embedded AWS must not outlive.

    Raises:
        LocalError: it can't be started.
    """
    region = set_region(os.environ)
    given = os.environ.get("AWS_ENDPOINT_URL")
    if given:
        return EmulatedAws(region, given, embedded=False)
    endpoint = Emulator(project, owner).endpoint()
    confine(os.environ, endpoint)
    return EmulatedAws(region, endpoint, embedded=True)


def set_region(env: MutableMapping[str, str]) -> str:
    """Set the region as Lambda does, in both variables, and return it."""
    region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    env["AWS_REGION"] = env["AWS_DEFAULT_REGION"] = region
    return region


def confine(env: MutableMapping[str, str], endpoint: str) -> None:
    """Point every AWS client at the embedded AWS, and keep the developer's account out of reach.

    Args:
        env: changed in place.
        endpoint: the embedded AWS's URL.
    """
    for key in [key for key in env if key in _WAYS_OUT or key.startswith("AWS_ENDPOINT_URL_")]:
        del env[key]
    env["AWS_ENDPOINT_URL"] = endpoint
    env["AWS_ACCESS_KEY_ID"] = env["AWS_SECRET_ACCESS_KEY"] = _NOBODY
    env["AWS_CONFIG_FILE"] = env["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    # A company's HTTP_PROXY is not for requests to this machine.
    env["NO_PROXY"] = ",".join(filter(None, (env.get("NO_PROXY"), "127.0.0.1", "localhost")))


def silence_metrics(env: MutableMapping[str, str]) -> None:
    """Turn Powertools' metrics off unless they are asked for: no CloudWatch reads them here.

    https://docs.aws.amazon.com/powertools/python/latest/core/metrics/
    """
    env.setdefault("POWERTOOLS_METRICS_DISABLED", "true")


def publish_gateway(env: MutableMapping[str, str], url: str, endpoint: str) -> None:
    """Set the variables that name the local WebSocket API.

    Args:
        env: changed in place.
        url: the clients' URL, `ws://host:port/stage`.
        endpoint: the URL for `@connections` requests, `http://host:port/stage`.
    """
    env["WEBSOCKET_URL"] = url
    env["WEBSOCKET_ENDPOINT"] = endpoint
