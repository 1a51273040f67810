"""Resources of the app on the emulated AWS, from its CloudFormation templates."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from chalice.package import JSONTemplateSerializer, YAMLTemplateSerializer
from yaml import YAMLError  # type: ignore[import-untyped] # Chalice's, who types it neither

from apigw_local.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chalice.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient

_USUAL_PLACES = ("resources.json", "infra/resources.json")
_POLL_SECONDS = 0.05
_DEPLOY_SECONDS = 60.0


def usual_templates(project: Path) -> tuple[Path, ...]:
    """Return the template in its usual place in a project, if there is one."""
    return tuple(path for place in _USUAL_PLACES if (path := project / place).exists())[:1]


def deploy(
    cloudformation: CloudFormationClient,
    dynamodb: DynamoDBClient,
    config: Config,
    paths: Sequence[Path],
) -> None:
    """Create or update the resources of templates, each in a stack of its own.

    Args:
        cloudformation: a client of the emulated AWS.
        dynamodb: another.
        config: the app's, which names the stacks, and the stage for the templates.
        paths: the templates.

    Raises:
        ProjectError: a template can't be read, was refused or could not be carried out.
    """
    for number, path in enumerate(paths, 1):
        template = Template.read(path)
        suffix = re.sub("[^A-Za-z0-9]+", "-", path.stem) + (f"-{number}" if number > 1 else "")
        stack = Stack(cloudformation, f"{config.app_name}-{config.chalice_stage}-{suffix}")
        stack.deploy(template, config.chalice_stage)
        enable_expiry(dynamodb, stack, template)


class Template:
    """CloudFormation template."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    @classmethod
    def read(cls, path: Path) -> Template:
        """Read a file, as YAML if its name says so, else as JSON.

        Entries without a `Type` are left out: they change resources of Chalice's own, by `chalice
        package --merge-template`.

        Raises:
            ProjectError: there is no such file, or it is no template.
        """
        yaml = YAMLTemplateSerializer.is_yaml_template(path.name)
        serializer = YAMLTemplateSerializer() if yaml else JSONTemplateSerializer()
        try:
            document = serializer.load_template(path.read_text(encoding="utf-8"), path.name)
        except (OSError, UnicodeDecodeError, RuntimeError, YAMLError) as error:
            raise ProjectError(f"The template {path} can't be read: {error}") from error
        resources = document.get("Resources") if isinstance(document, dict) else None
        if not isinstance(resources, dict):
            raise ProjectError(
                f"{path} is no CloudFormation template: it needs an object of Resources."
            )
        made = {name: each for name, each in resources.items() if "Type" in each}
        return cls({**document, "Resources": made})

    @property
    def body(self) -> str:
        """Its text, always JSON."""
        return json.dumps(self._document, default=str)  # YAML reads 2010-09-09 as a date

    def parameters(self, stage: str) -> list[ParameterTypeDef]:
        """Return the parameter `Stage` if the template has it; the others have defaults."""
        if "Stage" not in self._document.get("Parameters", {}):
            return []
        return [{"ParameterKey": "Stage", "ParameterValue": stage}]

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the properties of its DynamoDB tables by logical id."""
        return {
            name: each.get("Properties", {})
            for name, each in self._document["Resources"].items()
            if each["Type"] == "AWS::DynamoDB::Table"
        }


class Stack:
    """CloudFormation stack, created from a template or updated to it."""

    def __init__(self, client: CloudFormationClient, name: str) -> None:
        self._client = client
        self._name = name

    def deploy(self, template: Template, stage: str) -> None:
        """Create the stack, or bring it up to date with the template.

        Raises:
            ProjectError: the template was refused or could not be carried out.
        """
        try:
            if self._submit(template, stage):
                self._wait()
        except ClientError as error:
            raise ProjectError(f"The stack {self._name} was refused: {error}") from error

    def table_name(self, logical_id: str) -> str:
        """Return the name of the table that a resource of the template became."""
        answer = self._client.describe_stack_resource(
            StackName=self._name, LogicalResourceId=logical_id
        )
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def _submit(self, template: Template, stage: str) -> bool:
        submit = self._client.create_stack if self._find() is None else self._client.update_stack
        try:
            submit(
                StackName=self._name,
                TemplateBody=template.body,
                Parameters=template.parameters(stage),
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise
        return True

    def _wait(self) -> None:
        deadline = time.monotonic() + _DEPLOY_SECONDS
        while (stack := self._find()) and stack["StackStatus"].endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise ProjectError(
                    f"The stack {self._name} was not ready in {_DEPLOY_SECONDS:.0f} s."
                )
            time.sleep(_POLL_SECONDS)
        if stack is None or stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise ProjectError(f"The stack {self._name} could not be made: {self._reasons()}")

    def _find(self) -> StackTypeDef | None:
        try:
            return self._client.describe_stacks(StackName=self._name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise

    def _reasons(self) -> str:
        """Return CloudFormation's reasons for each resource that failed."""
        events = self._client.describe_stack_events(StackName=self._name)["StackEvents"]
        return "; ".join(
            f"{event.get('LogicalResourceId')}: {event.get('ResourceStatusReason')}"
            for event in events
            if event.get("ResourceStatus", "").endswith("_FAILED")
        )


def enable_expiry(client: DynamoDBClient, stack: Stack, template: Template) -> None:
    """Turn on the template's TTL attributes, which MiniStack's CloudFormation leaves off."""
    for logical_id, properties in template.tables().items():
        if not (expiry := properties.get("TimeToLiveSpecification")):
            continue
        table = stack.table_name(logical_id)
        status = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
        if status["TimeToLiveStatus"] == "DISABLED":
            client.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
