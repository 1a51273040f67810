"""The templates that CloudFormation gets, as cfn-lint and as a reader see them."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.jobs import MAXIMUM_CONCURRENCY
from infra import rest_api
from infra.concurrency import UNRESERVED, Room, Share, fit
from tests.support import strict
from tests.support.checkout import Checkout, documented
from tests.support.project import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.infra.conftest import Run

DOCUMENT = (PROJECT / "docs/deploy.md").read_text()
TOKENS = {
    "FANFARE_AUTH": "hs256",
    "FANFARE_AUTH_SECRET": "/fanfare-prod/secret",
    "FANFARE_AUTH_ISSUER": "https://id.example.org",
    "FANFARE_AUTH_AUDIENCE": "fanfare",
}
RECOMMENDED = dict(
    pair.split("=")
    for line in re.findall(r"^--parameter-overrides (.+)$", DOCUMENT, re.MULTILINE)
    for pair in line.split()
)
MACHINES = {"x86_64": "x86_64-linux-gnu.so", "arm64": "aarch64-linux-gnu.so"}

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
    with stage_has(project, "prod", TOKENS):
        finished = run("python", "-m", "infra", "package", "--stage", "prod", "--out", "prod")
    assert finished.returncode == 0, finished.stderr
    return project / "prod/sam.json"


@pytest.fixture
def resources(packaged: Path) -> Template:
    """The packaged template's resources."""
    found: Template = json.loads(packaged.read_text())["Resources"]
    return found


@contextmanager
def stage_has(
    project: Path, name: str, variables: dict[str, str], **settings: Any
) -> Iterator[None]:
    """Give a stage of config.json some environment variables and settings for a while."""
    path = project / ".chalice/config.json"
    original = path.read_text()
    config = json.loads(original)
    stage = config["stages"][name]
    stage["environment_variables"] |= variables
    stage |= settings
    path.write_text(json.dumps(config))
    try:
        yield
    finally:
        path.write_text(original)


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


def test_prod_is_not_packaged_without_tokens(run: Run, project: Path) -> None:
    """Its functions would refuse to start; what to set is said, and nothing is written."""
    finished = run("python", "-m", "infra", "package", "--stage", "prod", "--out", "refused")
    assert finished.returncode == 1
    assert "FANFARE_AUTH is 'anonymous' on the stage prod" in finished.stderr
    assert not (project / "refused").exists()


def test_prod_keeps_its_messages(resources: Template) -> None:
    """The table of prod can be restored to any second."""
    only_prod = {"Fn::If": ["Prod", True, False]}
    table = resources["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": only_prod}
    # And that once the stack stands: a creation that fails could not be rolled back.
    assert table["DeletionProtectionEnabled"] == {"Fn::If": ["DeletionProtection", True, False]}


def test_a_first_deployment_can_fail_and_be_rolled_back(packaged: Path) -> None:
    """No log role is asked for and no table protected from deletion until a parameter says so."""
    template = json.loads(packaged.read_text())
    resources = template["Resources"]
    protected = resources["Table"]["Properties"]["DeletionProtectionEnabled"]
    assert protected == {"Fn::If": ["DeletionProtection", True, False]}
    logs = resources["WebsocketAPIStage"]["Properties"]["AccessLogSettings"]["Fn::If"]
    assert (logs[0], logs[2]) == ("AccessLogs", {"Ref": "AWS::NoValue"})
    for name in ("DeletionProtection", "AccessLogs"):
        assert template["Conditions"][name] == {"Fn::Equals": [{"Ref": name}, "true"]}
        assert template["Parameters"][name]["Default"] == "false"
        assert f"{name}=true" in DOCUMENT


@pytest.mark.parametrize("logical_id", ["WebsocketConnect", "WebsocketMessage"])
def test_the_gateway_calls_warm_functions(resources: Template, logical_id: str) -> None:
    """Connect and message are called, and may be, through the alias that is provisioned."""
    alias = f"{logical_id}Aliaslive"
    function = resources[logical_id]["Properties"]
    assert function["AutoPublishAlias"] == "live"
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
    # The function returns what has failed only where that is honoured.
    assert broadcast["Environment"]["Variables"]["FANFARE_BATCH_FAILURES"] == "reported"


def resolved(value: Any, parameters: dict[str, str], conditions: Template) -> Any:
    """A value of a template as CloudFormation reads it, with `Fn::If` and parameters resolved."""
    match value:
        case {"Fn::If": [str(name), one, other]}:
            chosen = one if resolved(conditions[name], parameters, conditions) else other
            return resolved(chosen, parameters, conditions)
        case {"Fn::Not": [condition]}:
            return not resolved(condition, parameters, conditions)
        case {"Fn::Equals": [one, other]}:
            return resolved(one, parameters, conditions) == other
        case {"Ref": str(name)}:
            return parameters.get(name)
    return value


@pytest.mark.parametrize(
    ("chosen", "share", "warm"),
    [
        ({}, fit(Share(MAXIMUM_CONCURRENCY, MAXIMUM_CONCURRENCY), Room(10, 10)), None),
        (RECOMMENDED, Share(MAXIMUM_CONCURRENCY, MAXIMUM_CONCURRENCY), "2"),
    ],
)
def test_concurrency_is_what_a_parameter_says(
    packaged: Path, chosen: dict[str, str], share: Share, warm: str | None
) -> None:
    """A new account's 10 executions suffice until somebody asks for more, as the document shows.

    More at a time than are reserved would be throttled, and be dead letters in the end.
    """
    template = json.loads(packaged.read_text())
    defaults = {name: str(each["Default"]) for name, each in template["Parameters"].items()}

    def read(value: Any) -> Any:
        return resolved(value, defaults | chosen, template["Conditions"])

    broadcast = template["Resources"]["Broadcast"]["Properties"]
    [mapping] = broadcast["Events"].values()
    reserved = read(broadcast["ReservedConcurrentExecutions"])
    assert (int(reserved) if reserved else None) == share.reserved
    maximum = read(mapping["Properties"]["ScalingConfig"]["MaximumConcurrency"])
    assert int(maximum) == share.maximum
    for logical_id in ("WebsocketConnect", "WebsocketMessage"):
        function = template["Resources"][logical_id]["Properties"]
        provisioned = read(function["ProvisionedConcurrencyConfig"])
        assert (
            read(provisioned["ProvisionedConcurrentExecutions"]) if provisioned else None
        ) == warm


def test_the_document_says_what_concurrency_an_account_needs() -> None:
    """For the line that it shows: what is reserved and kept warm, and what Lambda keeps back."""
    reserved, warm = (
        int(RECOMMENDED[f"{name}Concurrency"]) for name in ("Reserved", "Provisioned")
    )
    assert f"it needs {reserved + 2 * warm + UNRESERVED}" in DOCUMENT
    without = fit(Share(reserved, reserved), Room(10, 10))
    assert f"lets {without.maximum} broadcasts run at once" in DOCUMENT


def test_a_reservation_is_one_that_a_mapping_takes(packaged: Path) -> None:
    """The parameter takes none, or what Lambda takes for a mapping's maximum, and nothing else."""
    parameter = json.loads(packaged.read_text())["Parameters"]["ReservedConcurrency"]
    shape = strict.shape("lambda", "ScalingConfig")
    for number in range(1200):
        taken = re.fullmatch(parameter["AllowedPattern"], str(number))
        fits = not [*strict.faults({"MaximumConcurrency": number}, shape, "")]
        assert bool(taken) is (number == 0 or fits)


def test_the_broadcast_may_invoke_itself_again(resources: Template) -> None:
    """Lambda would end a chain of jobs after 16, and a large room has longer ones."""
    assert resources["Broadcast"]["Properties"]["RecursiveLoop"] == "Allow"


def test_the_http_api_is_regional_and_throttled(resources: Template) -> None:
    """It takes no more of the account's requests than its share, all routes together."""
    api = resources["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    [settings] = api["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    sockets = resources["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"]
    account = 10_000
    assert 0 < settings["ThrottlingRateLimit"] < account - sockets["ThrottlingRateLimit"]
    assert 0 < settings["ThrottlingBurstLimit"] <= settings["ThrottlingRateLimit"]
    # `make deploy` sets them by a call of its own.
    assert settings["ThrottlingRateLimit"] == rest_api.RATE
    assert settings["ThrottlingBurstLimit"] == rest_api.BURST


def test_the_template_is_within_cloudformation_s_limits(packaged: Path) -> None:
    """It may be sent by way of a bucket alone, which the document names; then 1 MB are allowed.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    """
    assert 51_200 < packaged.stat().st_size < 1_000_000
    [deploy] = re.findall(r"^aws cloudformation deploy .*--stack-name.*$", DOCUMENT, re.M)
    assert "--s3-bucket BUCKET" in deploy
    assert len(json.loads(packaged.read_text())["Resources"]) < 500


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
    example = json.loads(DOCUMENT.split("```json\n")[1].split("```")[0])
    variables = example.pop("environment_variables") | TOKENS
    with stage_has(project, "prod", variables, **example):
        finished = run("python", "-m", "infra", "package", "--stage", "prod", "--out", "domain")
    assert finished.returncode == 0, finished.stderr
    assert lint(run, project / "domain/sam.json") == ""
    resources = json.loads((project / "domain/sam.json").read_text())["Resources"]
    domain = resources["WebsocketApiCustomDomain"]["Properties"]
    assert domain["DomainName"] == "chat.example.org"
    mapping = resources["WebsocketApiCustomDomainMapping"]["Properties"]
    assert mapping["ApiId"] == {"Ref": "WebsocketAPI"}
    variables = resources["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["WEBSOCKET_URL"] == "wss://chat.example.org"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout of the project, with nothing set."""
    return Checkout(tmp_path_factory.mktemp("documented"))


@pytest.mark.parametrize("architecture", MACHINES)
@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_documented_line_packages(checkout: Checkout, stage: str, architecture: str) -> None:
    """Typed where there is nothing but a path and a home: no account, no region, no setting."""
    line = documented()["package"]
    assert line == "make package STAGE=prod"
    project = checkout.project
    tokens = TOKENS if stage == "prod" else {}
    with stage_has(project, stage, tokens, lambda_architecture=architecture):
        finished = checkout.type(line.replace("prod", stage))
    assert finished.returncode == 0, finished.stderr
    resources = json.loads((project / "build/sam.json").read_text())["Resources"]
    assert resources["Broadcast"]["Properties"]["Architectures"] == [architecture]
    with zipfile.ZipFile(project / "build/deployment.zip") as archive:
        extensions = [name for name in archive.namelist() if name.endswith("gnu.so")]
    assert {name.split("-", 2)[2] for name in extensions} == {MACHINES[architecture]}


def test_a_reader_starts_what_the_other_tests_start(checkout: Checkout) -> None:
    """`make run` is `chalice local` and nothing else, as `tests/support/application.py` runs it."""
    line = documented()["run"]
    finished = checkout.type(line.replace("make", "make --dry-run", 1))
    assert finished.stdout == ".venv/bin/chalice local\n"
