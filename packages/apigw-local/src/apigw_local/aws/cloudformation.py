"""The app's own resources on the emulated AWS, from the templates that AWS gets too."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from chalice.package import JSONTemplateSerializer, YAMLTemplateSerializer
from yaml import YAMLError  # type: ignore[import-untyped] # Chalice's, who types it neither

from apigw_local.aws.stacks import KnownStack
from apigw_local.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chalice.config import Config
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TimeToLiveSpecificationTypeDef

_USUAL_PLACES = ("resources.json", "infra/resources.json")
_POLL_SECONDS = 0.05
_DEPLOY_SECONDS = 60.0


def usual_templates(project: Path) -> tuple[Path, ...]:
    """The template that a project has where most keep it, if it has one."""
    return tuple(path for place in _USUAL_PLACES if (path := project / place).exists())[:1]


def deploy(
    cloudformation: CloudFormationClient,
    dynamodb: DynamoDBClient,
    config: Config,
    paths: Sequence[Path],
) -> None:
    """Create what templates describe, each in a stack of its own, or bring it up to date.

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
    """A CloudFormation template."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    @classmethod
    def read(cls, path: Path) -> Template:
        """Read a file, as YAML if its name says so, else as JSON.

        What has no `Type` is left out: `chalice package --merge-template` lays such entries over
        resources of Chalice's own.

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
        """The stage, if it asks for that; the others have their defaults."""
        if "Stage" not in self._document.get("Parameters", {}):
            return []
        return [{"ParameterKey": "Stage", "ParameterValue": stage}]

    def tables(self) -> dict[str, dict[str, Any]]:
        """The properties of its tables, by logical id."""
        return {
            name: each.get("Properties", {})
            for name, each in self._document["Resources"].items()
            if each["Type"] == "AWS::DynamoDB::Table"
        }


class Stack(KnownStack):
    """A CloudFormation stack, kept as its template says."""

    def deploy(self, template: Template, stage: str) -> None:
        """Create the stack, or bring it up to date with the template.

        Raises:
            ProjectError: the template was refused or could not be carried out.
        """
        try:
            if self._submit(template, stage):
                self._wait()
        except ClientError as error:
            raise ProjectError(f"The stack {self.name} was refused: {error}") from error

    def table_name(self, logical_id: str) -> str:
        """Return the name of the table that a resource of the template became."""
        answer = self._client.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def _submit(self, template: Template, stage: str) -> bool:
        submit = self._client.create_stack if self.find() is None else self._client.update_stack
        try:
            submit(
                StackName=self.name,
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
        while (stack := self.find()) and stack["StackStatus"].endswith("_IN_PROGRESS"):
            if time.monotonic() > deadline:
                raise ProjectError(
                    f"The stack {self.name} was not ready in {_DEPLOY_SECONDS:.0f} s."
                )
            time.sleep(_POLL_SECONDS)
        if stack is None or stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise ProjectError(f"The stack {self.name} could not be made: {self.reasons()}")


def enable_expiry(client: DynamoDBClient, stack: Stack, template: Template) -> None:
    """Turn on the template's TTL attributes, which MiniStack's CloudFormation leaves off."""
    for logical_id, properties in template.tables().items():
        expiry = properties.get("TimeToLiveSpecification")
        if not expiry:
            continue
        keep_expiry(client, stack.table_name(logical_id), expiry)


def keep_expiry(client: DynamoDBClient, table: str, expiry: TimeToLiveSpecificationTypeDef) -> None:
    """Turn on a table's TTL attribute, unless it is on."""
    status = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if status["TimeToLiveStatus"] == "DISABLED":
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=expiry)
