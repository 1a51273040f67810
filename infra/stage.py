"""One stage: its application, its resources, and the account that they are in."""

from __future__ import annotations

import json
import os
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config as ClientConfig
from botocore.exceptions import NoRegionError

from infra import addresses, emulator, mapping, rest_api, session
from infra.application import Application
from infra.errors import DeployError
from infra.policies import Place
from infra.stack import Stack

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.addresses import Addresses

    Say = Callable[[str], None]

FOLDER = Path(__file__).parent


class Stage:
    """One stage of the project, in the account and region of the environment.

    Args:
        name: a stage of .chalice/config.json.
        say: where to tell what is waited for.
        project: the project's folder.

    Raises:
        DeployError: there is no such stage.
    """

    def __init__(self, name: str, say: Say, project: Path = FOLDER.parent) -> None:
        self.name = name
        self.application = Application(project, name, sys.stdout)
        self.emulator = os.environ.get("AWS_ENDPOINT_URL")
        self.session = session.create()
        session.wait_between_deployments(self.session._session, say)
        rest_api.name_after(self.session._session, self.prefix)
        if self.emulator:
            emulator.answer_for(self.session._session, self.prefix)

    @property
    def prefix(self) -> str:
        """The beginning of the names of the stage's resources."""
        return f"{self.application.config.app_name}-{self.name}"

    @property
    def template(self) -> str:
        """The text of infra/resources.json."""
        return (FOLDER / "resources.json").read_text(encoding="utf-8")

    @property
    def merge(self) -> str:
        """The text of infra/merge.json."""
        return (FOLDER / "merge.json").read_text(encoding="utf-8")

    @property
    def websocket_settings(self) -> dict[str, Any]:
        """The WebSocket stage's settings, which stand where CloudFormation finds them too."""
        resources = json.loads(self.merge)["Resources"]
        properties: dict[str, Any] = resources["WebsocketAPIStage"]["Properties"]
        return properties

    @cached_property
    def identity(self) -> dict[str, str]:
        """Account and place of the deployment: `account`, `partition` and `region`.

        Raises:
            DeployError: the stage was deployed to another account or region.
        """
        arn = self.client("sts").get_caller_identity()["Arn"]
        _, partition, _, _, account, _ = arn.split(":", 5)
        found = {
            "account": account,
            "partition": partition,
            "region": self.session.region_name,
        }
        for resource in self.application.deployed().values():
            if "lambda_arn" in resource:
                _, _, _, region, owner, _ = resource["lambda_arn"].split(":", 5)
                if (owner, region) != (account, found["region"]):
                    raise DeployError(
                        f"Stage {self.name!r} is in {region}, account {owner}, but the environment"
                        f" says {found['region']}, account {account}: set AWS_REGION={region} and"
                        f" the right AWS_PROFILE, or remove .chalice/deployed/{self.name}.json to"
                        " deploy a second one."
                    )
        return found

    @property
    def place(self) -> Place:
        """Prefix of the stage's ARNs."""
        return Place(
            **self.identity, api=self.application.deployed()["websocket_api"]["websocket_api_id"]
        )

    @property
    def addresses(self) -> Addresses | None:
        """Addresses of the stage; None before it has been deployed."""
        return addresses.find(
            self.application.deployed(), self.application.config.api_gateway_stage, self.emulator
        )

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the functions that the deployment knows, unless config.json sets them."""
        known = self.addresses.environment if self.addresses else {}
        uuid = self.mapping
        if uuid and mapping.reports_failures(self.client("lambda"), uuid):
            known = known | mapping.REPORTED
        return known | {
            key: value
            for key, value in self.application.config.environment_variables.items()
            if key in known
        }

    @property
    def mapping(self) -> str | None:
        """The UUID of the mapping from the queue to the broadcast; None before there is one."""
        events = (
            resource["event_uuid"]
            for resource in self.application.deployed().values()
            if resource["resource_type"] == "sqs_event"
        )
        return next(events, None)

    @property
    def functions(self) -> list[str]:
        """The names of the functions that are deployed."""
        return [
            resource["lambda_arn"].rpartition(":")[2]
            for resource in self.application.deployed().values()
            if resource["resource_type"] == "lambda_function"
        ]

    @property
    def stack(self) -> Stack:
        """The stack of its resources."""
        return Stack(
            self.client("cloudformation"),
            f"{self.prefix}-resources",
            poll_seconds=0.2 if self.emulator else 3.0,
        )

    def client(self, service: str) -> Any:
        """Make a client; it waits no longer than a person does for a wrong address.

        Raises:
            NoRegionError: nobody has chosen a region.
        """
        if not self.session.region_name:
            raise NoRegionError
        config = ClientConfig(connect_timeout=5, retries={"mode": "standard"})
        return self.session.client(service, config=config)  # type: ignore[call-overload]  # any
