"""Deploying a stage, step by step, and taking it away again."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from infra import adoption, concurrency, emulator, policies, secret_key
from infra.errors import DeployError
from infra.functions import allow_recursion, set_environment, settle
from infra.mapping import report_failures
from infra.rest_api import throttle
from infra.websocket import WebsocketStage

if TYPE_CHECKING:
    from infra.concurrency import Share
    from infra.stage import Say, Stage


def deploy(stage: Stage, say: Say) -> None:
    """Bring everything of a stage up to date. What is so already stays as it is.

    Open connections stay open: only functions and routes change under them. Interrupted anywhere,
    it goes on when it is run again.

    Raises:
        DeployError: it was deployed from another folder, or its settings can't be.
    """
    known = stage.addresses.environment if stage.addresses else {}
    # Stops where the functions would not start.
    stage.application.settings(known)
    _greet(stage, say)
    _adopt(stage)
    access_logs = _access_logs(stage, say)
    say("Resources: table, queues, logs, alarms, dashboard")
    _resources(stage, say, access_logs=access_logs)
    say("Application: what `chalice deploy` does")
    stage.application.deploy(stage.session._session, stage.environment, _share(stage, say))
    say("Functions: their permissions for this account and API alone")
    policies.narrow(
        stage.client("iam"),
        stage.application.config,
        stage.application.deployed(),
        stage.place,
        secret_key.find(stage.client, stage.application.config.environment_variables),
    )
    say("Functions: where the WebSocket API is, and how batches fail")
    _functions(stage)
    say("APIs: routes, throttling, logs")
    _websocket(stage, access_logs=access_logs)
    rest_api = stage.application.deployed()["rest_api"]["rest_api_id"]
    throttle(stage.client("apigateway"), rest_api, stage.application.config.api_gateway_stage)
    if stage.emulator:
        _complete_emulator(stage)


def plan(stage: Stage, say: Say) -> None:
    """Tell what Chalice would do to a stage, and do nothing."""
    _greet(stage, say)
    stage.application.plan(stage.session._session, stage.environment)


def urls(stage: Stage) -> list[str]:
    """Return the page's URL and the WebSocket API's.

    Raises:
        DeployError: the stage has not been deployed from here.
    """
    if stage.addresses is None:
        raise DeployError(
            f"Stage {stage.name!r} has not been deployed from this folder:"
            f" make deploy STAGE={stage.name}"
        )
    return [stage.addresses.page, stage.addresses.websocket]


def destroy(stage: Stage, say: Say) -> None:
    """Take away everything of a stage, with what it holds.

    Raises:
        DeployError: it was deployed from another folder, or its table is protected from deletion.
    """
    _greet(stage, say)
    _adopt(stage)
    _refuse_if_protected(stage)
    say("Application: what `chalice delete` does")
    stage.application.delete(stage.session._session)
    # Last, since a function that still runs would make its log group again.
    say("Resources: table, queues, logs, alarms, dashboard")
    stage.stack.delete(say)
    stage.application.forget()


def _greet(stage: Stage, say: Say) -> None:
    where = f"account {stage.identity['account']}, {stage.identity['region']}"
    say(f"Stage {stage.name}: {where}" + (f", at {stage.emulator}" if stage.emulator else ""))


def _adopt(stage: Stage) -> None:
    """Remember what there is, which an interrupted run may have made without writing it down.

    Raises:
        DeployError: something is there that was not made from this folder.
    """
    application = stage.application
    known = application.deployed()
    found = adoption.find(stage.client, application.resources, known, stage.prefix)
    if found and not application.begun:
        raise DeployError(
            f"Stage {stage.name!r} is there, but was not deployed from this folder: there is"
            f" {', '.join(found)}. Work from the folder that has made it, or copy its"
            f" .chalice/deployed/{stage.name}.json here, or choose another stage."
        )
    looked_for = {getattr(each, "resource_name", None) for each in application.resources}
    others = {name: each for name, each in known.items() if name not in looked_for}
    application.remember({**others, **found})
    settle(stage.client("lambda"), stage.functions)


def _access_logs(stage: Stage, say: Say) -> bool:
    """Whether API Gateway has a role to write logs with, in this account and region.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    if stage.client("apigateway").get_account().get("cloudwatchRoleArn"):
        return True
    # It belongs to the account, for all of its APIs, so it is not this stage's to make.
    say(
        "  No access logs, nor the alarms on them: API Gateway has no role to write logs with"
        " in this account and region; docs/deploy.md says how to give it one."
    )
    return False


def _resources(stage: Stage, say: Say, *, access_logs: bool) -> None:
    stage.stack.deploy(
        stage.template,
        {
            "Stage": stage.name,
            "AccessLogs": "true" if access_logs else "false",
            "DeletionProtection": "true" if stage.name == "prod" else "false",
        },
        say,
        # A creation that fails is rolled back, which a protected table would stop.
        at_first={"DeletionProtection": "false"},
    )
    if stage.emulator:
        emulator.enable_expiry(
            stage.client("dynamodb"), stage.template, stage.stack.outputs()["TableName"]
        )


def _share(stage: Stage, say: Say) -> Share:
    wanted = stage.application.share
    room = concurrency.room(stage.client("lambda"), f"{stage.prefix}-broadcast")
    share = concurrency.fit(wanted, room)
    if share != wanted:
        say(concurrency.advice(wanted, room))
    return share


def _functions(stage: Stage) -> None:
    client = stage.client("lambda")
    broadcast = stage.application.deployed()["broadcast"]["lambda_arn"].rpartition(":")[2]
    allow_recursion(client, broadcast)
    report_failures(client, cast("str", stage.mapping))
    set_environment(client, stage.functions, stage.environment)


def _websocket(stage: Stage, *, access_logs: bool) -> None:
    place = stage.place
    websocket = WebsocketStage(
        stage.client("apigatewayv2"), place.api, stage.application.config.api_gateway_stage
    )
    websocket.publish()
    settings = stage.websocket_settings
    websocket.configure({"DefaultRouteSettings": settings["DefaultRouteSettings"]})
    if access_logs:
        log = place.narrow(f"arn:*:logs:*:*:log-group:{stage.stack.outputs()['AccessLogName']}")
        format_ = settings["AccessLogSettings"]["Fn::If"][1]["Format"]
        websocket.configure({"AccessLogSettings": {"DestinationArn": log, "Format": format_}})


def _complete_emulator(stage: Stage) -> None:
    deployed = stage.application.deployed()
    emulator.add_routes(
        stage.client("apigateway"),
        stage.application.app,
        deployed["rest_api"]["rest_api_id"],
        stage.application.config.api_gateway_stage,
        deployed["api_handler"]["lambda_arn"],
    )


def _refuse_if_protected(stage: Stage) -> None:
    table = stage.prefix
    dynamodb = stage.client("dynamodb")
    try:
        found = dynamodb.describe_table(TableName=table)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return
    if found.get("DeletionProtectionEnabled"):
        raise DeployError(
            f"The table {table} is protected, as all of the stage's messages would go with it."
            " If they may: aws dynamodb update-table --no-deletion-protection-enabled"
            f" --table-name {table}, and again."
        )
