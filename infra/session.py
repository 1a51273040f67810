"""The AWS session of a deployment: its region, and patience with API Gateway."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import boto3

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.session import Session

DEPLOYMENT_SECONDS: Final = 5.0
"""CreateDeployment is taken once in that time from an account.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

_ATTEMPTS: Final = 12


def create(env: Mapping[str, str] = os.environ) -> boto3.Session:
    """Return a session in the region of AWS_REGION, AWS_DEFAULT_REGION or the profile.

    botocore reads the last two alone.
    """
    return boto3.Session(region_name=env.get("AWS_REGION") or None)


def wait_between_deployments(
    session: Session, say: Callable[[str], None], seconds: float = DEPLOYMENT_SECONDS
) -> None:
    """Let every client of a session wait, and say so, where CreateDeployment comes too soon."""

    def retry(**keywords: Any) -> Any:
        response, attempts = keywords["response"], keywords["attempts"]
        code = response[1].get("Error", {}).get("Code") if response else None
        if code != "TooManyRequestsException" or attempts > _ATTEMPTS:
            return None
        say(f"  API Gateway takes a deployment every {DEPLOYMENT_SECONDS:.0f} s: waiting")
        return seconds

    for service in ("api-gateway", "apigatewayv2"):
        session.register(f"needs-retry.{service}.CreateDeployment", retry)
