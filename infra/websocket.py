"""Deployments and stage settings of a WebSocket API, which Chalice leaves out."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class WebsocketStage:
    """One stage of a WebSocket API.

    Args:
        client: API Gateway, version 2.
        api_id: the API.
        stage: the stage's name, such as `api`.
    """

    def __init__(self, client: Any, api_id: str, stage: str) -> None:
        self._client = client
        self._api_id = api_id
        self._stage = stage

    def publish(self) -> bool:
        """Make the API's routes those of the stage; return whether they were not yet.

        A stage is a snapshot of the routes, which `chalice deploy` changes without taking a new
        one (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html).
        Chalice makes routes and integrations anew each time, so what is compared is what they
        do; a deployment says it in its description. Open connections stay open.
        """
        description = f"routes {self._fingerprint()}"
        current = self._current()
        published = current.get("DeploymentId")
        if published and self._deployment(published).get("Description") == description:
            return False
        deployment = self._client.create_deployment(ApiId=self._api_id, Description=description)
        put = self._update if current else self._create
        put(DeploymentId=deployment["DeploymentId"])
        return True

    def configure(self, settings: Mapping[str, Any]) -> bool:
        """Give the stage settings, in the words of UpdateStage; return whether it had others."""
        current = self._current()
        if all(_contains(current.get(key), value) for key, value in settings.items()):
            return False
        self._update(**settings)
        return True

    def _fingerprint(self) -> str:
        integrations = {
            each["IntegrationId"]: [each["IntegrationUri"], each.get("ContentHandlingStrategy")]
            for each in self._all("get_integrations")
        }
        routes = sorted(
            [route["RouteKey"], *integrations[route["Target"].removeprefix("integrations/")]]
            for route in self._all("get_routes")
        )
        return hashlib.sha256(json.dumps(routes).encode()).hexdigest()[:16]

    def _all(self, operation: str) -> list[dict[str, Any]]:
        pages = self._client.get_paginator(operation).paginate(ApiId=self._api_id)
        return [item for page in pages for item in page["Items"]]

    def _current(self) -> dict[str, Any]:
        """Return the stage; nothing where Chalice was interrupted before it made one."""
        try:
            current: dict[str, Any] = self._client.get_stage(
                ApiId=self._api_id, StageName=self._stage
            )
        except self._client.exceptions.NotFoundException:
            return {}
        return current

    def _deployment(self, deployment_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get_deployment(
            ApiId=self._api_id, DeploymentId=deployment_id
        )
        return found

    def _create(self, **settings: Any) -> None:
        self._client.create_stage(ApiId=self._api_id, StageName=self._stage, **settings)

    def _update(self, **settings: Any) -> None:
        self._client.update_stage(ApiId=self._api_id, StageName=self._stage, **settings)


def _contains(current: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(current, dict) and all(
            _contains(current.get(key), value) for key, value in wanted.items()
        )
    return bool(current == wanted)
