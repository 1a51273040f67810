"""Deploying a stage, step by step, and taking it away again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra import emulator, policies
from infra.errors import DeployError
from infra.functions import set_environment
from infra.websocket import WebsocketStage, lacks_log_role

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.stage import Stage

    Say = Callable[[str], None]


def deploy(stage: Stage, say: Say) -> None:
    """Bring everything of a stage up to date. What is so already stays as it is.

    Open connections stay open: only functions and routes change under them.

    Raises:
        DeployError: it was deployed from another folder, or its settings can't be.
    """
    stage.application.refuse_unsound_settings(stage.environment)
    _greet(stage, say)
    _refuse_if_elsewhere(stage)
    say("Resources: table, queues, logs, alarms, dashboard")
    _resources(stage)
    say("Application: what `chalice deploy` does")
    if stage.emulator:
        emulator.answer_for(stage.session._session)
    stage.application.deploy(stage.session._session, stage.environment)
    say("Functions: their permissions for this account and API alone")
    policies.narrow(
        stage.client("iam"), stage.application.config, stage.application.deployed(), stage.place
    )
    say("Functions: where the WebSocket API is")
    set_environment(stage.client("lambda"), stage.functions, stage.environment)
    say("WebSocket API: routes, throttling, logs")
    _websocket(stage, say)
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
    _refuse_if_elsewhere(stage)
    _refuse_if_protected(stage)
    say("Application: what `chalice delete` does")
    stage.application.delete(stage.session._session)
    # Last, since a function that still runs would make its log group again.
    say("Resources: table, queues, logs, alarms, dashboard")
    stage.stack.delete()


def _greet(stage: Stage, say: Say) -> None:
    where = f"account {stage.identity['account']}, {stage.identity['region']}"
    say(f"Stage {stage.name}: {where}" + (f", at {stage.emulator}" if stage.emulator else ""))


def _resources(stage: Stage) -> None:
    stage.stack.deploy(stage.template, stage.name)
    if stage.emulator:
        emulator.enable_expiry(
            stage.client("dynamodb"), stage.template, stage.stack.outputs()["TableName"]
        )


def _websocket(stage: Stage, say: Say) -> None:
    place = stage.place
    websocket = WebsocketStage(
        stage.client("apigatewayv2"), place.api, stage.application.config.api_gateway_stage
    )
    websocket.publish()
    settings = stage.websocket_settings
    websocket.configure({"DefaultRouteSettings": settings["DefaultRouteSettings"]})
    log = place.narrow(f"arn:*:logs:*:*:log-group:{stage.stack.outputs()['AccessLogName']}")
    access = {
        "DestinationArn": log,
        "Format": settings["AccessLogSettings"]["Fn::If"][1]["Format"],
    }
    try:
        websocket.configure({"AccessLogSettings": access})
    except ClientError as error:
        if not lacks_log_role(error):
            raise
        # It belongs to the account, for all of its APIs, so it is not this stage's to make.
        say(
            "  No access logs, nor the alarms on them: API Gateway has no role to write logs with"
            " in this account and region; docs/deploy.md says how to give it one."
        )


def _complete_emulator(stage: Stage) -> None:
    deployed = stage.application.deployed()
    emulator.add_routes(
        stage.client("apigateway"),
        stage.application.app,
        deployed["rest_api"]["rest_api_id"],
        stage.application.config.api_gateway_stage,
        deployed["api_handler"]["lambda_arn"],
    )


def _refuse_if_elsewhere(stage: Stage) -> None:
    """Stop where a stage was deployed from another folder.

    Chalice knows functions again by their names, but not APIs: it would make a second pair, and
    leave the functions with two.
    """
    if "websocket_api" in stage.application.deployed():
        return
    name = f"{stage.application.config.app_name}-{stage.name}-websocket-api"
    for page in stage.client("apigatewayv2").get_paginator("get_apis").paginate():
        for api in page["Items"]:
            if api["Name"] == name:
                raise DeployError(
                    f"Stage {stage.name!r} is there, but was not deployed from this folder: there"
                    f" is an API {name}. Work from the folder that has made it, or copy its"
                    f" .chalice/deployed/{stage.name}.json here, or choose another stage. If a"
                    " deployment from here broke off as it made that API:"
                    f" aws apigatewayv2 delete-api --api-id {api['ApiId']}, and again."
                )


def _refuse_if_protected(stage: Stage) -> None:
    table = f"{stage.application.config.app_name}-{stage.name}"
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
