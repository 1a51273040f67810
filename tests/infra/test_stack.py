"""A stack is brought up to date from whatever state it is in, or the way out is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import botocore.session
import pytest

from infra.errors import DeployError
from infra.stack import CURES, NEVER_STOOD, UPDATABLE, Stack
from tests.support.strict import CloudFormation

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

MODEL = botocore.session.get_session().get_service_model("cloudformation")
STATES: list[str] = MODEL.shape_for("StackStatus").enum  # type: ignore[attr-defined]  # a StringShape
ON = {"DeletionProtection": "true"}
OFF = {"DeletionProtection": "false"}


class Deploying:
    """A stack on a CloudFormation of the test's own, and what is said meanwhile."""

    def __init__(self, status: str | None = None) -> None:
        self.aws = CloudFormation(status)
        client = cast("CloudFormationClient", self.aws)
        self.stack = Stack(client, "s", sleep=self.aws.sleep)
        self.said: list[str] = []

    def deploy(self) -> bool:
        """Bring the stack up to date, protected once it stands."""
        return self.stack.deploy("{}", ON, self.said.append, at_first=OFF)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_way_on(state: str) -> None:
    """The stack stands in the end, or its state is told with the command that mends it."""
    deploying = Deploying(state)
    if state in CURES:
        with pytest.raises(DeployError, match=f"in {state}: .* --stack-name s"):
            deploying.deploy()
        return
    deploying.deploy()
    assert deploying.aws.status == "UPDATE_COMPLETE"


def test_states_are_told_apart() -> None:
    """No state is in two groups, and each group's are states that AWS knows."""
    groups = [*UPDATABLE, *NEVER_STOOD, *CURES]
    assert len(groups) == len(set(groups))
    assert set(groups) < set(STATES)


def test_protection_waits_until_the_stack_stands() -> None:
    """A failed creation is rolled back, which it could not be with a protected table in it."""
    deploying = Deploying()
    deploying.aws.reason = "Limit exceeded"
    with pytest.raises(DeployError, match="Limit exceeded"):
        deploying.deploy()
    assert deploying.aws.status == "ROLLBACK_COMPLETE"
    assert deploying.deploy() is True
    assert deploying.aws.parameters == ON
    assert deploying.deploy() is False


def test_a_queue_s_name_is_waited_for() -> None:
    """Within 60 s of a deletion SQS refuses it; then the stack stands, and the wait was told."""
    deploying = Deploying()
    deploying.deploy()
    assert deploying.stack.delete(deploying.said.append) is True
    deploying.deploy()
    assert deploying.aws.status == "UPDATE_COMPLETE"
    assert [text for text in deploying.said if "60 s" in text]


def test_a_change_under_way_is_waited_for() -> None:
    """A run that was interrupted leaves one; it is told, and the next goes on after it."""
    deploying = Deploying("CREATE_IN_PROGRESS")
    assert deploying.deploy() is True
    assert deploying.aws.requests == ["update"]
    assert "CREATE_IN_PROGRESS" in deploying.said[0]


def test_a_stack_that_is_not_there_is_told_with_the_region() -> None:
    """It may be in another one."""
    with pytest.raises(DeployError, match=r"no stack s in us-east-1: .* AWS_REGION"):
        Deploying().stack.outputs()
