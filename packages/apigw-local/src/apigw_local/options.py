"""Options of the local server, and their text such as `--chaos seed=7,lost_disconnect_rate=0.1`."""

from __future__ import annotations

import contextlib
import difflib
import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from apigw_local.errors import LocalError
from apigw_local.faults import NO_FAULTS, FaultSettings
from apigw_local.gateway.quotas import AWS_QUOTAS, Quotas

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from _typeshed import DataclassInstance

    Settings = TypeVar("Settings", bound=DataclassInstance)

_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


@dataclass(frozen=True)
class Options:
    """Options of one run.

    Attributes:
        command: the command as typed, for messages that name it.
        websocket_port: the port of the WebSocket API; None is the one above the HTTP port.
        resources: CloudFormation templates; the project's own if empty.
        quotas: the gateway's quotas.
        fault_settings: the faults to inject.
        verbose: whether the terminal shows whole events.
    """

    command: str = "chalice local"
    websocket_port: int | None = None
    resources: tuple[Path, ...] = ()
    quotas: Quotas = AWS_QUOTAS
    fault_settings: FaultSettings = NO_FAULTS
    verbose: bool = False


def from_environment(env: Mapping[str, str]) -> Options:
    """Return the options that an environment sets: `chalice local` has no flags for them.

    Raises:
        LocalError: APIGW_LOCAL_LIMITS or APIGW_LOCAL_CHAOS is not understood.
    """
    return Options(
        quotas=parse(Quotas, env.get("APIGW_LOCAL_LIMITS", ""), "limits"),
        fault_settings=parse(FaultSettings, env.get("APIGW_LOCAL_CHAOS", ""), "chaos"),
    )


def parse(kind: type[Settings], text: str, option: str) -> Settings:
    """Parse `key=value,key=value`; keys that are not named keep their defaults.

    Args:
        kind: a dataclass whose fields are whole numbers, numbers or switches. None may be
            negative, and a name that ends in `_rate` takes a share from 0 to 1.
        text: the pairs, blanks around them ignored. An empty text gives the defaults.
        option: the option's name, for error messages.

    Raises:
        LocalError: a key is unknown or given twice, or a value is not what its key takes.
    """
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        key, _, value = (part.strip() for part in pair.partition("="))
        if key not in types:
            raise LocalError(_unknown(kind, key, option))
        if key in values:
            raise LocalError(f"{option}: {key} is given twice, the second time as {pair!r}.")
        values[key] = _convert(types[key], key, value)
    return kind(**values)


def _unknown(kind: type[DataclassInstance], key: str, option: str) -> str:
    names = [field.name for field in fields(kind)]
    nearest = difflib.get_close_matches(key, names, n=1)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"{option} has no {key!r}.{guess} There are: {', '.join(names)}."


def _convert(kind: type, key: str, value: str) -> int | float | bool:
    with contextlib.suppress(KeyError, ValueError):
        if kind is bool:
            return _SWITCH[value.lower()]
        number: int | float = kind(value)
        if 0 <= number <= (1 if key.endswith("_rate") else sys.float_info.max):
            return number
    raise LocalError(f"{key} takes {_accepted(kind, key)}, not {value!r}.")


def _accepted(kind: type, key: str) -> str:
    if kind is bool:
        return "on or off"
    if key.endswith("_rate"):
        return "a share from 0 to 1"
    return "a whole number from 0" if kind is int else "a number from 0"
