"""The Lambda functions that Chalice has made: their environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


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
