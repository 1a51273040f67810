"""The stack of the resources beside the functions, from infra/resources.json."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError, WaiterError

from infra.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.waiter import Waiter
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

    Say = Callable[[str], None]

QUEUE_NAME_SECONDS: Final = 60.0
"""A queue's name is refused for that time after a queue of that name was deleted.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteQueue.html
"""

UPDATABLE: Final = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)

NEVER_STOOD: Final = ("CREATE_FAILED", "ROLLBACK_COMPLETE")
"""States after a failed first attempt: no update is possible, and nothing in it has been used."""

CURES: Final = {
    "REVIEW_IN_PROGRESS": (
        "somebody has made a change set for it and not carried it out. Carry it out, or:"
        " aws cloudformation delete-stack --stack-name {name}, and again"
    ),
    "ROLLBACK_FAILED": (
        "it could not be made, nor could what was made of it be removed. Mend the reason, then:"
        " aws cloudformation delete-stack --stack-name {name}, and again"
    ),
    "UPDATE_FAILED": (
        "an update broke off and was not rolled back. Mend the reason, then:"
        " aws cloudformation rollback-stack --stack-name {name}, and again"
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "an update failed, and so did its rollback. Mend the reason, then:"
        " aws cloudformation continue-update-rollback --stack-name {name}, and again"
    ),
    "IMPORT_ROLLBACK_FAILED": (
        "an import failed, and so did its rollback. Mend the reason, then:"
        " aws cloudformation delete-stack --stack-name {name}, and again"
    ),
    "DELETE_FAILED": (
        "it was to be deleted, and part of it is left. Mend the reason, then:"
        " aws cloudformation delete-stack --stack-name {name}, and again"
    ),
}
"""Cures of a stack that takes no update.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
"""

_PROTECTED: Final = (
    " A protected table stops a deletion:"
    " aws dynamodb update-table --no-deletion-protection-enabled --table-name TABLE."
)


class Stack:
    """A CloudFormation stack, kept as its template says.

    Args:
        client: CloudFormation.
        name: the stack's name.
        poll_seconds: how often to ask how it is getting on.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        client: CloudFormationClient,
        name: str,
        *,
        poll_seconds: float = 3.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self.name = name
        self._poll_seconds = poll_seconds
        self._sleep = sleep
        self._wait = {"Delay": poll_seconds, "MaxAttempts": int(1800 / poll_seconds)}

    def deploy(
        self,
        template: str,
        parameters: Mapping[str, str],
        say: Say,
        *,
        at_first: Mapping[str, str] | None = None,
    ) -> bool:
        """Create the stack, or bring it up to date; return whether anything had to be done.

        Waits for a change that is under way, such as one that an interrupted run has begun.

        Args:
            template: its text.
            parameters: the template's.
            say: where to tell what is waited for.
            at_first: parameters to have other values until the stack stands.

        Raises:
            DeployError: it is in a state that takes no change, or some of it could not be made;
                the text has CloudFormation's reasons, and the cure.
        """
        status = self._settled(say)
        if status in NEVER_STOOD:
            self.delete(say)
            status = None
        if status is None:
            self._create(template, {**parameters, **(at_first or {})}, say)
            if at_first:
                self._submit("update", template, parameters)
            return True
        if status not in UPDATABLE:
            raise DeployError(self._cure(status))
        return self._submit("update", template, parameters)

    def delete(self, say: Say) -> bool:
        """Delete the stack and what it holds; return whether there was one.

        Raises:
            DeployError: some of it could not be deleted.
        """
        if self._settled(say) is None:
            return False
        self._client.delete_stack(StackName=self.name)
        self._await("delete")
        return True

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs.

        Raises:
            DeployError: there is no such stack.
        """
        found = self._find()
        if found is None:
            region = self._client.meta.region_name
            raise DeployError(
                f"There is no stack {self.name} in {region}: deploy the stage first, or set"
                " AWS_REGION to where it is."
            )
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def _create(self, template: str, parameters: Mapping[str, str], say: Say) -> None:
        try:
            self._submit("create", template, parameters)
        except DeployError as error:
            if "60 seconds after deleting" not in str(error):
                raise
            say(
                f"  SQS gives a queue's name away {QUEUE_NAME_SECONDS:.0f} s after a queue of that"
                " name was deleted: waiting"
            )
            self.delete(say)  # and with it, it may be, one of the queues
            self._sleep(QUEUE_NAME_SECONDS)
            self._submit("create", template, parameters)

    def _submit(self, change: str, template: str, parameters: Mapping[str, str]) -> bool:
        submit = self._client.update_stack if change == "update" else self._client.create_stack
        try:
            submit(
                StackName=self.name,
                TemplateBody=template,
                Parameters=[
                    {"ParameterKey": key, "ParameterValue": value}
                    for key, value in parameters.items()
                ],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        self._await(change)
        return True

    def _settled(self, say: Say) -> str | None:
        """Return the stack's state once nothing changes it; None if there is no stack."""
        told = False
        while (found := self._find()) and _changing(found["StackStatus"]):
            if not told:
                say(f"  The stack {self.name} is in {found['StackStatus']}: waiting for its end")
            told = True
            self._sleep(self._poll_seconds)
        if found is None or found["StackStatus"] == "DELETE_COMPLETE":
            return None
        return found["StackStatus"]

    def _await(self, change: str) -> None:
        waiter: Waiter = self._client.get_waiter(f"stack_{change}_complete")  # type: ignore[call-overload]  # one of three names
        try:
            waiter.wait(StackName=self.name, WaiterConfig=self._wait)
        except WaiterError as error:
            found = self._find()
            cure = self._cure(found["StackStatus"]) if found else ""
            raise DeployError(
                f"The stack {self.name} could not be {change}d: {self._reasons() or error}. {cure}"
            ) from error

    def _find(self) -> StackTypeDef | None:
        try:
            return self._client.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _reasons(self) -> str:
        """Return CloudFormation's reasons for each resource that failed."""
        events = self._client.describe_stack_events(StackName=self.name)["StackEvents"]
        return "; ".join(
            f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
            for event in events
            if event.get("ResourceStatus", "").endswith("_FAILED")
        )

    def _cure(self, status: str) -> str:
        if status not in CURES:
            return f"It is in {status}; mend the reason, and run the command again."
        cure = CURES[status].format(name=self.name)
        protected = _PROTECTED if status in ("ROLLBACK_FAILED", "DELETE_FAILED") else ""
        return f"The stack {self.name} is in {status}: {cure}.{protected}"


def _changing(status: str) -> bool:
    return status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS"
