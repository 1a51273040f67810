"""IAM identities and policies for calls of ``@connections``.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.credentials import EnvProvider

ACTION = "execute-api:ManageConnections"
ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Action": ACTION, "Resource": "*"}]}

_DECIDABLE = {"Sid", "Effect", "Action", "Resource"}


@dataclass(frozen=True)
class AccessKey:
    """Access key that callers sign with; the token is that of temporary credentials."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class IamIdentity:
    """IAM user on whose behalf every function calls ``@connections``.

    On AWS each function signs as its own role. Here all functions sign with the access key of one
    process, so one policy applies to all of them.

    Attributes:
        access_key: The key that a request has to be signed with.
        policy: An IAM policy document. The default allows every request.
    """

    access_key: AccessKey
    policy: Mapping[str, Any] = field(default_factory=lambda: ALLOW_ALL)

    @classmethod
    def of_environment(cls, env: Mapping[str, str]) -> "IamIdentity | None":
        """Return the identity of an environment's access key, with every permission.

        None if the environment has no key: boto3 then takes one from elsewhere, where it may
        change.
        """
        found = EnvProvider(environ=env).load()
        if found is None:
            return None
        return cls(AccessKey(found.access_key, found.secret_key, found.token))


class Policy:
    """Statements of a policy document about `ACTION`.

    Args:
        document: The document, as its JSON is loaded.

    Raises:
        ValueError: A statement has what can't be decided here, such as a condition.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._resources: dict[str, list[str]] = {"Allow": [], "Deny": []}
        for statement in _as_list(document["Statement"]):
            if unknown := statement.keys() - _DECIDABLE:
                raise ValueError(
                    f"The policy statement {statement} can't be decided here because of its"
                    f" {', '.join(sorted(unknown))}: leave it out of the local policy."
                )
            actions = _as_list(statement["Action"])
            # The names of actions know no case, those of resources do.
            if any(_matches(action.lower(), ACTION.lower()) for action in actions):
                self._resources[statement["Effect"]] += _as_list(statement["Resource"])

    def allows(self, resource: str) -> bool:
        """Return whether a statement allows the action on a resource, and none denies it."""
        return self._names("Allow", resource) and not self._names("Deny", resource)

    def _names(self, effect: str, resource: str) -> bool:
        return any(_matches(pattern, resource) for pattern in self._resources[effect])


def _matches(pattern: str, text: str) -> bool:
    """Return whether a text fits a pattern: ``*`` is any text in it, ``?`` any letter."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text) is not None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
