"""Operations on a stage: looking, mending, and deploying again while people talk."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fanfare_client.client import Client
from infra import rest_api
from infra.websocket import WebsocketStage
from tests.deployed.conftest import DEPLOY_SECONDS
from tests.deployed.deployment import type_documented
from tests.support import resources
from tests.support.checkout import Checkout
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.deployed.deployment import Deployment


def stage_of(deployment: Deployment) -> Any:
    """The WebSocket stage, as API Gateway describes it."""
    return deployment.client("apigatewayv2").get_stage(
        ApiId=deployment.deployed("websocket_api")["websocket_api_id"], StageName="api"
    )


def test_the_page_is_served_and_knows_the_api(deployment: Deployment) -> None:
    """The first URL is the page's, and its config.json has the second one."""
    with urllib.request.urlopen(deployment.page, timeout=10) as page:
        assert b"<title>Fanfare" in page.read()
    with urllib.request.urlopen(f"{deployment.page}config.json", timeout=10) as config:
        assert json.load(config)["websocketUrl"].partition("?")[0] == deployment.websocket
    assert deployment.run("url").splitlines() == [deployment.page, deployment.websocket]


def test_the_stage_is_throttled_and_watched(deployment: Deployment) -> None:
    """Settings that Chalice leaves at their defaults are set: limits, metrics, access logs."""
    stage = stage_of(deployment)
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] == 5000
    assert stage["DefaultRouteSettings"]["DetailedMetricsEnabled"] is True
    assert stage["AccessLogSettings"]["DestinationArn"].endswith(":/fanfare/dev/websocket-access")
    assert json.loads(stage["AccessLogSettings"]["Format"])["status"] == "$context.status"
    table = deployment.client("dynamodb").describe_time_to_live(TableName=resources.TABLE)
    assert table["TimeToLiveDescription"]["TimeToLiveStatus"] == "ENABLED"


def test_the_http_side_is_throttled(deployment: Deployment) -> None:
    """It shares the account's quota with the posts, so it may take only some of it."""
    client = deployment.client("apigateway")
    api = deployment.deployed("rest_api")["rest_api_id"]
    assert client.get_rest_api(restApiId=api)["name"] == "fanfare-dev"
    settings = client.get_stage(restApiId=api, stageName="api")["methodSettings"]["*/*"]
    assert settings["throttlingRateLimit"] == rest_api.RATE
    assert settings["throttlingBurstLimit"] == rest_api.BURST


def test_the_broadcast_may_recurse_and_report_failures(deployment: Deployment) -> None:
    """Lambda does not end its chains, and its mapping heeds single failures, as it is told."""
    client = deployment.client("lambda")
    recursion = client.get_function_recursion_config(FunctionName="fanfare-dev-broadcast")
    assert recursion["RecursiveLoop"] == "Allow"
    uuid = deployment.deployed("broadcast-sqs-event-source")["event_uuid"]
    mapping = client.get_event_source_mapping(UUID=uuid)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    function = client.get_function_configuration(FunctionName="fanfare-dev-broadcast")
    assert function["Environment"]["Variables"]["FANFARE_BATCH_FAILURES"] == "reported"


def test_posts_are_granted_on_this_api_alone(deployment: Deployment) -> None:
    """The policies on the roles name the account, the region and the API."""
    role = "fanfare-dev-broadcast"
    policy = deployment.client("iam").get_role_policy(RoleName=role, PolicyName=role)
    api = deployment.deployed("websocket_api")["websocket_api_id"]
    granted = [each["Resource"] for each in policy["PolicyDocument"]["Statement"]]
    assert f"arn:aws:execute-api:us-east-1:000000000000:{api}/api/POST/@connections/*" in granted
    assert not [arn for arn in granted if ":*:" in arn]


def test_dead_letters_get_another_try(deployment: Deployment) -> None:
    """A record that is no job is a dead letter with its reason, and after a redrive one again."""
    sqs = deployment.client("sqs")
    queue, dead = (
        sqs.get_queue_url(QueueName=name)["QueueUrl"]
        for name in (resources.QUEUE, resources.DEAD_LETTER_QUEUE)
    )

    def letters() -> int:
        names = ["ApproximateNumberOfMessages"]
        answer = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=names)
        return int(answer["Attributes"][names[0]])

    sqs.send_message(
        QueueUrl=queue, MessageBody="no job", MessageGroupId="g", MessageDeduplicationId="d"
    )
    wait_until(lambda: letters() == 1)
    assert deployment.run("redrive") == "Dead letters put back into the queue: 1\n"
    wait_until(lambda: letters() == 1)
    sqs.purge_queue(QueueUrl=dead)


@asynccontextmanager
async def meeting(deployment: Deployment, room: str) -> AsyncIterator[tuple[Client, Client]]:
    """Ada and Bob in a room of the stage."""
    async with (
        Client(deployment.websocket, "Ada") as ada,
        Client(deployment.websocket, "Bob") as bob,
    ):
        await ada.join(room)
        await bob.join(room)
        yield ada, bob


def test_a_user_is_forgotten(deployment: Deployment) -> None:
    """Erased messages stay as empty ones, the connection ends, and a second time is nothing."""

    async def talk() -> str:
        async with meeting(deployment, "diary") as (ada, bob):
            await ada.send("diary", "mine")
            await bob.send("diary", "his")
            while len(ada.messages("diary")) < 2:
                await asyncio.sleep(0.05)
            user = ada.messages("diary")[0]["data"]["userId"]
        return str(user)

    user = asyncio.run(asyncio.wait_for(talk(), DEPLOY_SECONDS))
    printed = deployment.type(f"make forget USER={user}").splitlines()
    assert "Messages erased: 1" in printed
    again = deployment.type(f"make forget USER={user}").splitlines()
    assert f"The table has nothing of a user {user}." in again
    history = deployment.client("dynamodb").query(
        TableName=resources.TABLE,
        KeyConditionExpression="pk = :room",
        ExpressionAttributeValues={":room": {"S": "S#diary"}},
    )["Items"]
    assert [(item["text"]["S"], item["type"]["S"]) for item in history] == [
        ("", "deleted"),
        ("his", "chat"),
    ]
    assert history[0]["username"]["S"] != "Ada"


def test_what_functions_log_is_read_in_order(deployment: Deployment) -> None:
    """Each line has its time, its function, and the canonical line of the invocation."""

    async def talk() -> None:
        async with meeting(deployment, "log") as (ada, _):
            await ada.send("log", "noted")

    asyncio.run(asyncio.wait_for(talk(), DEPLOY_SECONDS))
    lines: list[str] = []

    def broadcast_is_logged() -> bool:
        lines[:] = deployment.run("logs").splitlines()
        return any("fanfare-dev-broadcast" in line and '"records":' in line for line in lines)

    # A log is there some time after the invocation, which outlives the post that its client hears.
    wait_until(broadcast_is_logged, seconds=60)
    assert [line[:8] for line in lines] == sorted(line[:8] for line in lines)


def test_deploying_again_keeps_connections_and_addresses(deployment: Deployment) -> None:
    """Two people talk over the same sockets before and after, and no route is published anew."""

    async def talk() -> None:
        async with meeting(deployment, "renovation") as (ada, bob):
            first = await ada.send("renovation", "before")
            links = [client._link for client in (ada, bob)]
            before = stage_of(deployment)["DeploymentId"]
            urls = await asyncio.to_thread(deployment.deploy)
            assert urls == [deployment.page, deployment.websocket]
            assert stage_of(deployment)["DeploymentId"] == before
            assert await bob.send("renovation", "after") == first + 1
            while len(ada.messages("renovation")) < 2:
                await asyncio.sleep(0.05)
            assert [client._link for client in (ada, bob)] == links

    asyncio.run(asyncio.wait_for(talk(), DEPLOY_SECONDS))


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_a_stage_from_another_folder_is_let_alone(
    deployment: Deployment, tmp_path: Path, command: str
) -> None:
    """A second copy neither makes a second pair of APIs nor takes the resources from the first."""
    finished = type_documented(Checkout(tmp_path), deployment.endpoint, command)
    assert finished.returncode != 0
    assert "was not deployed from this folder" in finished.stderr
    assert deployment.client("dynamodb").list_tables()["TableNames"] == [resources.TABLE]


def test_new_routes_go_live(deployment: Deployment) -> None:
    """A route that was added is published, and what stays as it is, is not."""
    apis = deployment.client("apigatewayv2")
    api = deployment.deployed("websocket_api")["websocket_api_id"]
    stage = WebsocketStage(apis, api, "api")
    assert stage.publish() is False
    before = stage_of(deployment)["DeploymentId"]
    target = apis.get_routes(ApiId=api)["Items"][0]["Target"]
    route = apis.create_route(ApiId=api, RouteKey="dance", Target=target)["RouteId"]
    assert stage.publish() is True
    assert stage_of(deployment)["DeploymentId"] != before
    assert stage.publish() is False
    apis.delete_route(ApiId=api, RouteId=route)
    assert stage.publish() is True
