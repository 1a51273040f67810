"""The environment that the app's handlers find under `chalice local`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

DEFAULT_REGION = "us-east-1"
_NOBODY = "local"  # the embedded AWS takes any key; AWS knows none of this name

# What else could lead boto3 to an account: a profile, a session, a web identity, the roles of
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


def set_region(env: MutableMapping[str, str]) -> str:
    """Settle the region as Lambda does, in both variables, and return it."""
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
    """Have Powertools print no metrics, unless somebody wants them: no CloudWatch reads them here.

    https://docs.aws.amazon.com/powertools/python/latest/core/metrics/
    """
    env.setdefault("POWERTOOLS_METRICS_DISABLED", "true")


def publish_gateway(env: MutableMapping[str, str], url: str, endpoint: str) -> None:
    """Tell the app where the local WebSocket API is.

    Args:
        env: changed in place.
        url: what clients connect to, `ws://host:port/stage`.
        endpoint: what `@connections` requests go to, `http://host:port/stage`.
    """
    env["WEBSOCKET_URL"] = url
    env["WEBSOCKET_ENDPOINT"] = endpoint
