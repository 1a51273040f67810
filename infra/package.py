"""The other way to deploy: one CloudFormation template of everything."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING, Any, Final

import botocore.session
from chalice.awsclient import TypedAWSClient
from chalice.package import PackageOptions, TemplateDeepMerger, create_app_packager
from chalice.utils import to_cfn_resource_name

from infra import deployment_package, policies

if TYPE_CHECKING:
    from pathlib import Path

    from chalice.config import Config

    from infra.stage import Stage

Template = dict[str, Any]

_PLACE: Final = policies.Place(
    "${AWS::Partition}", "${AWS::Region}", "${AWS::AccountId}", "${WebsocketAPI}"
)


def package(stage: Stage, out: Path) -> None:
    """Write deployment.zip and sam.json of a stage into a folder.

    `aws cloudformation package` and `aws cloudformation deploy` do the rest. No account is asked,
    and no region chosen: the template holds for all of them.

    Raises:
        DeployError: its settings can't be, or a package can't be had.
    """
    # Stops where the functions would not start.
    stage.application.settings()
    config = stage.application.config
    merged = addition(config, json.loads(stage.template), json.loads(stage.merge), stage.name)
    session = botocore.session.Session()
    session.set_config_variable("region", "us-east-1")  # Chalice wants one, for names of services
    options = PackageOptions(TypedAWSClient(session))
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(merged, file)
        file.flush()
        packager = create_app_packager(config, options, merge_template=file.name)
        deployment_package.use(packager._resource_builder._build_stage)
        packager.package_app(config, str(out), stage.name)


def addition(config: Config, resources: Template, merge: Template, stage: str) -> Template:
    """Return what Chalice is to merge into its own template.

    Args:
        config: the stage's.
        resources: infra/resources.json.
        merge: infra/merge.json.
        stage: the stage's name.
    """
    own: Template = {
        "Parameters": {"Stage": {"Default": stage}},
        "Resources": {
            **{
                to_cfn_resource_name(f"{function}_role"): _role(config, function)
                for function in policies.functions(config)
            },
        },
    }
    api_stage = config.api_gateway_stage
    addresses = {
        "APIHandler": {"WEBSOCKET_URL": f"wss://{_host('WebsocketAPI')}/{api_stage}"},
        "WebsocketConnect": {"FANFARE_ORIGINS": f"https://{_host('RestAPI')}"},
    }
    for function, values in addresses.items():
        variables = {
            key: {"Fn::Sub": value}
            for key, value in values.items()
            if key not in config.environment_variables
        }
        own["Resources"][function] = {"Properties": {"Environment": {"Variables": variables}}}
    merger = TemplateDeepMerger()
    result: Template = merger.merge(own, merger.merge(merge, resources))
    return result


def _role(config: Config, function: str) -> Template:
    """Return a function's role with its policy, narrowed to the template's own API."""
    statements = [
        {**statement, "Resource": {"Fn::Sub": _PLACE.narrow(statement["Resource"])}}
        for statement in policies.read(config, function)["Statement"]
    ]
    document = {"Version": "2012-10-17", "Statement": statements}
    return {"Properties": {"Policies": [{"PolicyName": function, "PolicyDocument": document}]}}


def _host(api: str) -> str:
    return f"${{{api}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
