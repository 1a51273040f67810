"""Options as text, such as `--chaos seed=7,lost_disconnect_rate=0.1`."""

from __future__ import annotations

import contextlib
import difflib
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from apigw_local.errors import LocalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Options = TypeVar("Options", bound=DataclassInstance)

_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def parse(kind: type[Options], text: str) -> Options:
    """Make options from `key=value,key=value`; what is not named keeps its default.

    Args:
        kind: a dataclass whose fields are whole numbers, numbers or switches. None may be
            negative, and a name that ends in `_rate` takes a share from 0 to 1.
        text: the pairs, blanks around them ignored. An empty text gives the defaults.

    Raises:
        LocalError: a key is unknown or given twice, or a value is not what its key takes.
    """
    types = get_type_hints(kind)
    values: dict[str, Any] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        key, _, value = (part.strip() for part in pair.partition("="))
        if key not in types:
            raise LocalError(_unknown(kind, key))
        if key in values:
            raise LocalError(f"{kind.__name__}: {key} is given twice, the second time as {pair!r}.")
        values[key] = _convert(types[key], key, value)
    return kind(**values)


def _unknown(kind: type[DataclassInstance], key: str) -> str:
    names = [field.name for field in fields(kind)]
    nearest = difflib.get_close_matches(key, names, n=1)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return f"{kind.__name__} has no {key!r}.{guess} There are: {', '.join(names)}."


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
