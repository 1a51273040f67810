"""What CloudFormation knows of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class KnownStack:
    """A stack by its name, whether there is one or not.

    Attributes:
        name: the stack's name.
    """

    def __init__(self, client: CloudFormationClient, name: str) -> None:
        self._client = client
        self.name = name

    def find(self) -> StackTypeDef | None:
        """Return what it is like; None if there is none of that name."""
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def reasons(self) -> str:
        """Return why parts of it could not be made, in CloudFormation's words."""
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return "; ".join(
            f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
            for event in events
            if event.get("ResourceStatus", "").endswith("_FAILED")
        )
