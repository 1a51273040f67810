"""The templates that CloudFormation gets, as cfn-lint and as a reader see them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infra.conftest import Run

FUNCTIONS = {
    "WebsocketConnect": "-websocket_connect",
    "WebsocketMessage": "-websocket_message",
    "WebsocketDisconnect": "-websocket_disconnect",
    "Broadcast": "-broadcast",
    "APIHandler": "",
}

Template = dict[str, Any]


@pytest.fixture(scope="module")
def packaged(run: Run, project: Path) -> Path:
    """The template of prod, as `make package` writes it."""
    finished = run("python", "-m", "infra", "package", "--stage", "prod", "--out", "prod")
    assert finished.returncode == 0, finished.stderr
    return project / "prod/sam.json"


@pytest.fixture
def resources(packaged: Path) -> Template:
    """The packaged template's resources."""
    found: Template = json.loads(packaged.read_text())["Resources"]
    return found


def lint(run: Run, path: Path) -> str:
    """Return what cfn-lint has against a template."""
    finished = run("cfn-lint", str(path))
    return finished.stdout + finished.stderr


def test_the_resources_are_a_clean_template(run: Run) -> None:
    """infra/resources.json is right by itself, as `make deploy` uses it."""
    assert lint(run, PROJECT / "infra/resources.json") == ""


def test_the_package_is_a_clean_template(run: Run, packaged: Path) -> None:
    """Chalice's template, the resources and infra/merge.json are right together, after SAM."""
    assert lint(run, packaged) == ""


def test_the_resources_alone_may_be_merged_by_chalice(run: Run, project: Path) -> None:
    """`chalice package --merge-template infra/resources.json` makes a clean template as well."""
    merge = ("--merge-template", "infra/resources.json")
    finished = run("chalice", "package", "--stage", "dev", *merge, "plain")
    assert finished.returncode == 0, finished.stderr
    assert lint(run, project / "plain/sam.json") == ""


def test_functions_have_the_names_that_logs_and_alarms_know(resources: Template) -> None:
    """Each function has its log group, with an end to its life, and alarms on both its failures."""
    for logical_id, suffix in FUNCTIONS.items():
        name = {"Fn::Sub": f"fanfare-${{Stage}}{suffix}"}
        assert resources[logical_id]["Properties"]["FunctionName"] == name
        logs = [
            each["Properties"]
            for each in resources.values()
            if each["Type"] == "AWS::Logs::LogGroup"
            and each["Properties"]["LogGroupName"] == {"Fn::Sub": f"/aws/lambda/{name['Fn::Sub']}"}
        ]
        assert [log["RetentionInDays"] for log in logs] == [{"Fn::If": ["Prod", 30, 7]}]
        dimensions = [{"Name": "FunctionName", "Value": name}]
        watched = {
            each["Properties"]["MetricName"]
            for each in resources.values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
            and each["Properties"].get("Dimensions") == dimensions
        }
        assert watched == {"Errors", "Throttles"}


def test_prod_keeps_its_messages(resources: Template) -> None:
    """The table of prod can be restored to any second, and not be deleted by mistake."""
    table = resources["Table"]["Properties"]
    only_prod = {"Fn::If": ["Prod", True, False]}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": only_prod}
    # And that once the stack stands: a creation that fails could not be rolled back.
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["DeletionProtection", True, False]}


def test_the_http_side_is_regional(resources: Template) -> None:
    """Behind no distribution of CloudFront's, which nobody has asked for."""
    assert resources["RestAPI"]["Properties"]["EndpointConfiguration"] == "REGIONAL"


@pytest.mark.parametrize("logical_id", ["WebsocketConnect", "WebsocketMessage"])
def test_the_gateway_calls_warm_functions(resources: Template, logical_id: str) -> None:
    """Connect and message are called, and may be, through the alias that is provisioned."""
    alias = f"{logical_id}Aliaslive"
    function = resources[logical_id]["Properties"]
    assert function["AutoPublishAlias"] == "live"
    assert function["ProvisionedConcurrencyConfig"]["Fn::If"][0] == "Prod"
    uri = resources[f"{logical_id}APIIntegration"]["Properties"]["IntegrationUri"]["Fn::Sub"]
    assert uri.endswith(f"/functions/${{{alias}}}/invocations")
    permission = resources[f"{logical_id}InvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": alias}


def test_the_mapping_reports_single_failures(resources: Template) -> None:
    """The package sets what Chalice cannot, on the broadcast's mapping, in Chalice's batches."""
    broadcast = resources["Broadcast"]["Properties"]
    [mapping] = broadcast["Events"].values()
    assert mapping["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["Properties"]["BatchSize"] == 10
    # More at a time than are reserved would be throttled, and be dead letters in the end.
    concurrency = mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"]
    assert concurrency == broadcast["ReservedConcurrentExecutions"] == 200


def test_the_stage_is_deployed_anew_whenever_routes_change(resources: Template) -> None:
    """It deploys itself, since Chalice's one deployment would never be made again."""
    stage = resources["WebsocketAPIStage"]["Properties"]
    assert stage["AutoDeploy"] is True
    assert stage["DeploymentId"] == {"Ref": "AWS::NoValue"}
    assert stage["DefaultRouteSettings"]["DetailedMetricsEnabled"] is True


def test_policies_are_narrowed_to_the_template_s_own_api(resources: Template) -> None:
    """Posting is granted on this API's stage, in this account and region."""
    [policy] = resources["BroadcastRole"]["Properties"]["Policies"]
    granted = {
        str(statement["Action"]): statement["Resource"]["Fn::Sub"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert granted["execute-api:ManageConnections"] == (
        "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${WebsocketAPI}"
        "/api/POST/@connections/*"
    )


def test_the_page_is_told_where_the_api_is(resources: Template) -> None:
    """config.json of a stage from this template names the template's own WebSocket API."""
    url = resources["APIHandler"]["Properties"]["Environment"]["Variables"]["WEBSOCKET_URL"]
    assert url == {
        "Fn::Sub": "wss://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"
    }


def test_a_custom_domain_as_the_document_shows_it(run: Run, project: Path) -> None:
    """The settings in docs/deploy.md make a clean template with the domain and its mapping."""
    document = (PROJECT / "docs/deploy.md").read_text()
    example = json.loads(document.split("```json\n")[1].split("```")[0])
    path = project / ".chalice/config.json"
    original = path.read_text()
    config = json.loads(original)
    stage = config["stages"]["prod"]
    stage["environment_variables"] |= example.pop("environment_variables")
    stage |= example
    path.write_text(json.dumps(config))
    try:
        finished = run("python", "-m", "infra", "package", "--stage", "prod", "--out", "domain")
    finally:
        path.write_text(original)
    assert finished.returncode == 0, finished.stderr
    assert lint(run, project / "domain/sam.json") == ""
    resources = json.loads((project / "domain/sam.json").read_text())["Resources"]
    domain = resources["WebsocketApiCustomDomain"]["Properties"]
    assert domain["DomainName"] == "chat.example.org"
    mapping = resources["WebsocketApiCustomDomainMapping"]["Properties"]
    assert mapping["ApiId"] == {"Ref": "WebsocketAPI"}
    variables = resources["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["WEBSOCKET_URL"] == "wss://chat.example.org"
