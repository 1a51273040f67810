"""The stack of the app's resources on the embedded AWS."""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from chalice.config import Config

from apigw_local.aws.cloudformation import Stack, Template, deploy, enable_expiry, usual_templates
from apigw_local.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def stack(aws: dict[str, Any]) -> Iterator[Stack]:
    """A stack that does not exist yet."""
    with closing(boto3.client("cloudformation", **aws)) as client:
        yield Stack(client, f"stack-{uuid.uuid4().hex}")


def template(**resources: dict[str, Any]) -> Template:
    """Write a template that takes the stage, as the app's does."""
    return Template({"Parameters": {"Stage": {"Type": "String"}}, "Resources": resources})


def queue(seconds: int, prefix: str) -> dict[str, Any]:
    """Describe a queue with a visibility timeout."""
    name = {"Fn::Sub": f"{prefix}-${{Stage}}"}
    return {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": name, "VisibilityTimeout": seconds},
    }


def test_the_stack_is_made_once_and_then_kept_up_to_date(stack: Stack, sqs: SQSClient) -> None:
    """Deploying again changes nothing, unless the template has changed."""
    prefix = uuid.uuid4().hex
    seen = []
    for seconds in (30, 30, 60):
        stack.deploy(template(Queue=queue(seconds, prefix)), "dev")
        url = sqs.get_queue_url(QueueName=f"{prefix}-dev")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        seen.append(attributes["Attributes"]["VisibilityTimeout"])

    assert seen == ["30", "30", "60"]


def test_a_template_that_fails_is_told(stack: Stack) -> None:
    """The message has the stack's name and what went wrong with which resource."""
    broken = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": "never"}}

    with pytest.raises(ProjectError, match=r"stack-.* could not be made: Queue: .*Visibility"):
        stack.deploy(template(Queue=broken), "dev")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("bad.json", "{bad", "bad.json can't be read: Expected bad.json to be valid JSON"),
        ("bad.yaml", "a: b: c", "bad.yaml can't be read: Expected bad.yaml to be valid YAML"),
        ("odd.yaml", "[a", "odd.yaml can't be read: while parsing"),
        ("list.json", "[]", "list.json is no CloudFormation template: it needs .* Resources"),
        ("empty.json", '{"Resources": []}', "empty.json is no CloudFormation template"),
        ("latin.json", "\N{LATIN SMALL LETTER E WITH ACUTE}", "latin.json can't be read: 'utf-8'"),
    ],
)
def test_a_file_that_is_no_template_is_told(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    """The message has the file and what is wrong with it."""
    path = tmp_path / name
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ProjectError, match=reason):
        Template.read(path)


def test_yaml_is_read_with_its_short_forms_and_dates(tmp_path: Path) -> None:
    """`!Sub` and dates in YAML become JSON of the same meaning."""
    path = tmp_path / "resources.yml"
    path.write_text(
        "AWSTemplateFormatVersion: 2010-09-09\n"
        "Resources:\n"
        "  Queue:\n"
        "    Type: AWS::SQS::Queue\n"
        "    Properties: {QueueName: !Sub 'orders-${Stage}', KmsMasterKeyId: !GetAtt Key.Arn}\n"
    )

    assert json.loads(Template.read(path).body) == {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {
                    "QueueName": {"Fn::Sub": "orders-${Stage}"},
                    "KmsMasterKeyId": {"Fn::GetAtt": ["Key", "Arn"]},
                },
            }
        },
    }


def test_what_is_merged_into_chalices_own_resources_is_left_out(tmp_path: Path) -> None:
    """A template for `chalice package --merge-template` brings its own resources only."""
    path = tmp_path / "resources.json"
    own = {"Type": "AWS::SQS::Queue"}
    path.write_text(json.dumps({"Resources": {"Queue": own, "APIHandler": {"Properties": {}}}}))

    assert json.loads(Template.read(path).body) == {"Resources": {"Queue": own}}


@pytest.mark.parametrize(
    ("declared", "passed"),
    [
        ({"Parameters": {"Stage": {"Type": "String"}, "Other": {"Default": "x"}}}, ["dev"]),
        ({"Parameters": {"Other": {"Default": "x"}}}, []),
        ({}, []),
    ],
)
def test_the_stage_is_passed_to_whom_asks(declared: dict[str, Any], passed: list[str]) -> None:
    """AWS refuses parameters that a template does not declare; those with defaults need none."""
    parameters = Template({**declared, "Resources": {}}).parameters("dev")

    assert [each["ParameterValue"] for each in parameters] == passed


def test_several_templates_are_several_stacks(tmp_path: Path, aws: dict[str, Any]) -> None:
    """Each file is a stack named by it, also when two files have one name."""
    app = f"app-{uuid.uuid4().hex}"
    paths = [tmp_path / "one/my_queues.json", tmp_path / "two/my_queues.json"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(json.dumps({"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}))

    with (
        closing(boto3.client("cloudformation", **aws)) as cloudformation,
        closing(boto3.client("dynamodb", **aws)) as dynamodb,
    ):
        deploy(cloudformation, dynamodb, Config("dev", config_from_disk={"app_name": app}), paths)
        names = [each["StackName"] for each in cloudformation.describe_stacks()["Stacks"]]

    ours = sorted(name for name in names if name.startswith(app))
    assert ours == [f"{app}-dev-my-queues", f"{app}-dev-my-queues-2"]


def test_a_projects_template_is_looked_for_in_two_places(tmp_path: Path) -> None:
    """`resources.json` goes before `infra/resources.json`; a project may have neither."""
    found = [usual_templates(tmp_path)]
    for place in ("infra/resources.json", "resources.json"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
        found.append(usual_templates(tmp_path))

    assert found == [
        (),
        (tmp_path / "infra/resources.json",),
        (tmp_path / "resources.json",),
    ]


def test_the_tables_ttl_is_turned_on(stack: Stack, aws: dict[str, Any]) -> None:
    """A table's TimeToLiveSpecification holds, also where CloudFormation leaves it out."""
    table = {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        },
    }
    text = template(Table=table)
    stack.deploy(text, "dev")

    with closing(boto3.client("dynamodb", **aws)) as client:
        for _ in range(2):
            enable_expiry(client, stack, text)
        answer = client.describe_time_to_live(TableName=stack.table_name("Table"))

    assert answer["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"
