"""What an IAM policy says about the management of connections.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Mapping
from typing import Any

ACTION = "execute-api:ManageConnections"
ALLOW_ALL = {"Statement": [{"Effect": "Allow", "Action": ACTION, "Resource": "*"}]}

_DECIDABLE = {"Sid", "Effect", "Action", "Resource"}


class Policy:
    """The statements of a policy document that are about `ACTION`.

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
        """Whether a statement allows the action on a resource, and none denies it."""
        return self._names("Allow", resource) and not self._names("Deny", resource)

    def _names(self, effect: str, resource: str) -> bool:
        return any(_matches(pattern, resource) for pattern in self._resources[effect])


def _matches(pattern: str, text: str) -> bool:
    """Whether a text fits a pattern: ``*`` stands for any text in it, ``?`` for any letter."""
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text) is not None


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
