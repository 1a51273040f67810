"""A stage's resources as AWS has them, for Chalice to go on with.

Chalice writes down what it has made when it has made everything (aws/chalice issue 2146), so an
interrupted deployment leaves functions and APIs that the next one would make again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from chalice.deploy import models

from infra import mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from infra.application import Deployed

    Client = Callable[[str], Any]

_MISSING = ("NoSuchEntity", "NotFoundException", "ResourceNotFoundException")


def find(
    client: Client, wanted: Iterable[models.Model], known: Deployed, rest_api_name: str
) -> Deployed:
    """Return the resources that there are, in the form in which Chalice remembers them.

    Args:
        client: makes a client of a service.
        wanted: Chalice's models of the stage.
        known: what Chalice remembers; of several APIs with one name it decides.
        rest_api_name: the HTTP API's name.
    """
    resources = [each for each in wanted if isinstance(each, models.ManagedModel)]
    found: Deployed = {}
    for resource in resources:
        values = _look_up(client, resource, known.get(resource.resource_name, {}), rest_api_name)
        if values:
            found[resource.resource_name] = {
                "name": resource.resource_name,
                "resource_type": resource.resource_type,
                **values,
            }
    return found


def _look_up(
    client: Client, resource: models.ManagedModel, known: dict[str, Any], rest_api_name: str
) -> dict[str, Any] | None:
    match resource:
        case models.ManagedIAMRole():
            return _role(client("iam"), resource.role_name)
        case models.LambdaFunction():
            return _function(client("lambda"), resource.function_name)
        case models.SQSEventSource():
            return _mapping(client("lambda"), resource)
        case models.WebsocketAPI():
            pages = client("apigatewayv2").get_paginator("get_apis").paginate()
            ids = [
                api["ApiId"]
                for page in pages
                for api in page["Items"]
                if api["Name"] == resource.name
            ]
            stage = resource.api_gateway_stage
            return _api("websocket_api", "wss", ids, known, client("apigatewayv2"), stage)
        case models.RestAPI():
            pages = client("apigateway").get_paginator("get_rest_apis").paginate()
            ids = [
                api["id"] for page in pages for api in page["items"] if api["name"] == rest_api_name
            ]
            stage = resource.api_gateway_stage
            return _api("rest_api", "https", ids, known, client("apigateway"), stage)
    return known or None


def _role(iam: Any, name: str) -> dict[str, Any] | None:
    answer = _unless_missing(lambda: iam.get_role(RoleName=name))
    return answer and {"role_arn": answer["Role"]["Arn"], "role_name": name}


def _function(client: Any, name: str) -> dict[str, Any] | None:
    answer = _unless_missing(lambda: client.get_function_configuration(FunctionName=name))
    return answer and {"lambda_arn": answer["FunctionArn"]}


def _mapping(client: Any, resource: models.SQSEventSource) -> dict[str, Any] | None:
    queue = resource.queue if isinstance(resource.queue, str) else resource.queue.queue_name
    function = _function(client, resource.lambda_function.function_name)
    uuid = function and mapping.find(client, function["lambda_arn"], queue)
    if not function or not uuid:
        return None
    return {
        "queue_arn": client.get_event_source_mapping(UUID=uuid)["EventSourceArn"],
        "event_uuid": uuid,
        "queue": queue,
        **function,
    }


def _api(
    kind: str, scheme: str, ids: list[str], known: dict[str, Any], client: Any, stage: str
) -> dict[str, Any] | None:
    if not ids:
        return None
    api = known[f"{kind}_id"] if known.get(f"{kind}_id") in ids else ids[0]
    region = client.meta.region_name
    suffix = "amazonaws.com.cn" if client.meta.partition == "aws-cn" else "amazonaws.com"
    url = f"{scheme}://{api}.execute-api.{region}.{suffix}/{stage}/"
    return {f"{kind}_id": api, f"{kind}_url": url}


def _unless_missing(call: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return call()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return None
        raise
