"""Each way in which AWS refuses is told with its cure."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ProfileNotFound
from chalice.deploy.deployer import ChaliceDeploymentError

from infra.errors import DeployError, explain, told

AWS = {"AWS_REGION": "mars-north-1"}


def refusal(code: str, message: str, operation: str = "CreateRole") -> ClientError:
    """An error as botocore raises it."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            refusal(
                "AccessDenied",
                "User: arn:aws:iam::1:user/ada is not authorized to perform: iam:CreateRole on"
                " resource: role fanfare-dev-broadcast",
            ),
            "Give iam:CreateRole to whoever deploys",
        ),
        (
            refusal("AccessDeniedException", "Rate exceeded your patience", "CreateFunction"),
            "Give the right to call CreateFunction to whoever deploys",
        ),
        (refusal("InvalidClientTokenId", "The token is invalid"), "choose another AWS_REGION"),
        (refusal("ExpiredToken", "The token has expired"), "`aws sso login`"),
        (
            refusal("ResourceConflictException", "Function already exist: fanfare-dev"),
            "copy its .chalice/deployed/dev.json here",
        ),
        (refusal("EntityAlreadyExists", "Role with name x already exists."), "choose another"),
        (refusal("LimitExceededException", "Too many"), "failed with LimitExceededException"),
        (
            EndpointConnectionError(endpoint_url="https://sts.mars-north-1.amazonaws.com"),
            "is mars-north-1 right",
        ),
        (ProfileNotFound(profile="nobody"), "set AWS_PROFILE to one that"),
    ],
)
def test_a_refusal_is_explained(error: Exception, expected: str) -> None:
    """Directly, and from under what Chalice wraps around it."""
    for raised in (error, ChaliceDeploymentError(error)):
        assert expected in explain(raised, "dev", AWS)


def test_what_is_raised_is_turned_into_an_explanation() -> None:
    """The cause is kept for whoever looks closer."""
    error = refusal("AccessDenied", "not authorized to perform: sqs:CreateQueue")
    with pytest.raises(DeployError, match="Give sqs:CreateQueue") as raised, told("dev", AWS):
        raise error
    assert raised.value.__cause__ is error
