"""The app's own resources on the emulated AWS, from the template that AWS gets too."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from localdev.errors import LocalError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient

_POLL_SECONDS = 0.05
_DEPLOY_SECONDS = 60.0


class Stack:
    """A CloudFormation stack, kept as its template says."""

    def __init__(self, client: CloudFormationClient, name: str) -> None:
        self._client = client
        self._name = name

    def deploy(self, template: str, stage: str) -> None:
        """Create the stack, or bring it up to date with the template.

        Raises:
            LocalError: the template was refused or could not be carried out.
        """
        try:
            if self._submit(template, stage):
                self._wait()
        except ClientError as error:
            raise LocalError(f"The stack {self._name} was refused: {error}") from error

    def table_name(self, logical_id: str) -> str:
        """Return the name of the table that a resource of the template became."""
        answer = self._client.describe_stack_resource(
            StackName=self._name, LogicalResourceId=logical_id
        )
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def _submit(self, template: str, stage: str) -> bool:
        submit = self._client.create_stack if self._find() is None else self._client.update_stack
        try:
            submit(
                StackName=self._name,
                TemplateBody=template,
                Parameters=[{"ParameterKey": "Stage", "ParameterValue": stage}],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _find(self) -> StackTypeDef | None:
        try:
            return self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + _DEPLOY_SECONDS
        while (stack := self._find()) and stack["StackStatus"].endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise LocalError(
                    f"The stack {self._name} was not ready in {_DEPLOY_SECONDS:.0f} s."
                )
            time.sleep(_POLL_SECONDS)
        if stack is None or stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise LocalError(f"The stack {self._name} could not be made: {self._reasons()}")

    def _reasons(self) -> str:
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        return "; ".join(
            f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
            for event in events
            if event.get("ResourceStatus", "").endswith("_FAILED")
        )


def enable_expiry(client: DynamoDBClient, stack: Stack, template: str) -> None:
    """Turn on the template's TTL attributes, which MiniStack's CloudFormation leaves off."""
    for logical_id, resource in json.loads(template)["Resources"].items():
        expiry = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] != "AWS::DynamoDB::Table" or not expiry:
            continue
        table = stack.table_name(logical_id)
        status = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if status["TimeToLiveStatus"] == "DISABLED":
            client.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
