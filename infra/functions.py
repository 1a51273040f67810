"""The Lambda functions that Chalice has made: their state, environment and recursion."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_POLL_SECONDS: Final = 1.0


def set_environment(client: Any, names: Iterable[str], variables: Mapping[str, str]) -> bool:
    """Give functions some variables beside the ones that they have.

    Args:
        client: Lambda.
        names: the functions.
        variables: what to set.

    Returns:
        Whether any function lacked one, or had another value.
    """
    changed = []
    for name in names:
        configuration = client.get_function_configuration(FunctionName=name)
        present = configuration.get("Environment", {}).get("Variables", {})
        if not variables.items() <= present.items():
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": {**present, **variables}}
            )
            changed.append(name)
    waiter = client.get_waiter("function_updated_v2")
    for name in changed:
        waiter.wait(FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    return bool(changed)


def settle(client: Any, names: Iterable[str]) -> None:
    """Wait until functions take changes, as they don't while they are made or changed.

    https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    """
    for name in names:
        while _changing(client.get_function_configuration(FunctionName=name)):
            time.sleep(_POLL_SECONDS)


def allow_recursion(client: Any, name: str) -> bool:
    """Let a function be invoked through its own queue for ever; return whether it might not yet.

    Lambda ends a chain after 16 invocations
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html). The broadcast's chains
    can be longer, and end all the same: a job that it queues is for fewer members than the one it
    comes from, is a retry, which are counted, or tells of connections that it has closed, which
    are then no members any more.

    Args:
        client: Lambda.
        name: the function.
    """
    found = client.get_function_recursion_config(FunctionName=name)
    if found["RecursiveLoop"] == "Allow":
        return False
    client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    return True


def _changing(configuration: Mapping[str, Any]) -> bool:
    state, update = configuration.get("State"), configuration.get("LastUpdateStatus")
    return state == "Pending" or update == "InProgress"
