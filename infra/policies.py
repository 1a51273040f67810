"""The functions' policies, one file each in .chalice/, narrowed to one account and API.

The files can't know account, region and API, so they have wildcards there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra import secret_key

if TYPE_CHECKING:
    from chalice.config import Config

    from infra.application import Deployed

Document = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Values for the wildcards; `api` is the WebSocket API's id."""

    partition: str
    region: str
    account: str
    api: str

    def narrow(self, arn: str) -> str:
        """Return `arn:*:service:*:*:resource` with this place in it."""
        _, _, service, _, _, resource = arn.split(":", 5)
        if service == "execute-api":
            resource = resource.replace("*", self.api, 1)
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


def read(config: Config, function: str) -> Document:
    """Return the policy in a function's file."""
    name = config.scope(config.chalice_stage, function).iam_policy_file
    path = Path(config.project_dir, ".chalice", name)
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def functions(config: Config) -> list[str]:
    """Return the functions that have a policy, by Chalice's names."""
    stage = config.config_from_disk["stages"][config.chalice_stage]
    return list(stage["lambda_functions"])


def narrow(
    client: Any, config: Config, deployed: Deployed, place: Place, key: str | None = None
) -> None:
    """Replace the policies that Chalice has put on the functions' roles by narrowed ones.

    Args:
        client: IAM.
        config: the stage's.
        deployed: what Chalice remembers of it.
        place: where it is.
        key: the ARN of the customer's key under which the tokens' secret is kept, if any.
    """
    for function in functions(config):
        role = deployed[f"{function}_role"]["role_name"]
        statements = [
            {**statement, "Resource": place.narrow(statement["Resource"])}
            for statement in read(config, function)["Statement"]
        ]
        client.put_role_policy(
            RoleName=role,
            PolicyName=role,  # the name that Chalice gives it
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": secret_key.grant(statements, key)}
            ),
        )
