"""The stack of what stands beside the functions, from infra/resources.json."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from infra.errors import DeployError
from localdev.stacks import KnownStack

if TYPE_CHECKING:
    from botocore.waiter import Waiter
    from mypy_boto3_cloudformation import CloudFormationClient


class Stack(KnownStack):
    """A CloudFormation stack, kept as its template says.

    Args:
        client: CloudFormation.
        name: the stack's name.
        poll_seconds: how often to ask how it is getting on.
    """

    def __init__(
        self, client: CloudFormationClient, name: str, *, poll_seconds: float = 3.0
    ) -> None:
        super().__init__(client, name)
        self._wait = {"Delay": poll_seconds, "MaxAttempts": int(1800 / poll_seconds)}

    def deploy(self, template: str, stage: str) -> bool:
        """Create the stack, or bring it up to date; return whether anything had to be done.

        Raises:
            DeployError: some of it could not be made; the text has CloudFormation's reasons.
        """
        found = self.find()
        if found and found["StackStatus"] == "ROLLBACK_COMPLETE":
            # What a first attempt that failed leaves: it holds nothing, and takes no update.
            self.delete()
            found = None
        submit = self._client.update_stack if found else self._client.create_stack
        try:
            submit(
                StackName=self.name,
                TemplateBody=template,
                Parameters=[{"ParameterKey": "Stage", "ParameterValue": stage}],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        self._await("update" if found else "create")
        return True

    def delete(self) -> bool:
        """Delete the stack and what it holds; return whether there was one.

        Raises:
            DeployError: some of it could not be deleted.
        """
        if self.find() is None:
            return False
        self._client.delete_stack(StackName=self.name)
        self._await("delete")
        return True

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs.

        Raises:
            DeployError: there is no such stack.
        """
        found = self.find()
        if found is None:
            raise DeployError(f"There is no stack {self.name}: deploy the stage first.")
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _await(self, change: str) -> None:
        waiter: Waiter = self._client.get_waiter(f"stack_{change}_complete")  # type: ignore[call-overload]  # one of three names
        try:
            waiter.wait(StackName=self.name, WaiterConfig=self._wait)
        except WaiterError as error:
            raise DeployError(
                f"The stack {self.name} could not be {change}d: {self.reasons() or error}"
            ) from error
