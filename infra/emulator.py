"""Gaps of an emulated AWS, MiniStack 1.5, in a deployment, and their filling."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from botocore.session import Session
    from chalice.app import Chalice


def answer_for(session: Session, rest_api: str) -> None:
    """Let Chalice's deployments go on where MiniStack would not.

    It does not know PutRestApi, and takes an API's name from CreateRestApi's place.

    Args:
        session: the one that Chalice deploys with.
        rest_api: the HTTP API's name.
    """

    def answer(**_: Any) -> Any:
        return AWSResponse("", HTTPStatus.OK, HTTPHeaders(), None), {}

    def name(**keywords: Any) -> None:
        params = keywords["params"]
        document = json.loads(params["body"])
        params["body"] = json.dumps({**document, "name": rest_api}).encode()

    session.register("before-call.api-gateway.PutRestApi", answer)
    session.register("before-call.api-gateway.ImportRestApi", name)


def add_routes(client: Any, app: Chalice, api_id: str, stage: str, function_arn: str) -> bool:
    """Give a REST API its routes; return whether it lacked any.

    MiniStack takes ImportRestApi for CreateRestApi, and makes nothing of the document in it.

    Args:
        client: API Gateway, version 1.
        app: whose routes they are.
        api_id: the REST API.
        stage: its stage.
        function_arn: the function that serves every route.
    """
    resources = {each["path"]: each for page in _pages(client, api_id) for each in page["items"]}
    region = function_arn.split(":")[3]
    uri = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    missing = [
        (path, method)
        for path, methods in app.routes.items()
        for method in methods
        if method not in resources.get(path, {}).get("resourceMethods", {})
    ]
    for path, method in missing:
        where = {
            "restApiId": api_id,
            "resourceId": _resource(client, api_id, path, resources),
            "httpMethod": method,
        }
        client.put_method(**where, authorizationType="NONE")
        client.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    if missing:
        client.create_deployment(restApiId=api_id, stageName=stage)
    return bool(missing)


def enable_expiry(client: Any, template: str, table: str) -> None:
    """Turn on the table's TTL, which MiniStack's CloudFormation leaves off.

    Args:
        client: DynamoDB.
        template: the text of infra/resources.json.
        table: the table's name.
    """
    wanted = json.loads(template)["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"]
    status = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    if status["TimeToLiveStatus"] == "DISABLED":
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)


def _pages(client: Any, api_id: str) -> Any:
    return client.get_paginator("get_resources").paginate(restApiId=api_id)


def _resource(client: Any, api_id: str, path: str, known: dict[str, Any]) -> str:
    """Return the id of the resource at a path, made with its parents if there is none."""
    if path not in known:
        parent, _, part = path.rpartition("/")
        parent_id = _resource(client, api_id, parent or "/", known)
        known[path] = client.create_resource(restApiId=api_id, parentId=parent_id, pathPart=part)
    resource_id: str = known[path]["id"]
    return resource_id
