"""Values that are hard to bear, and documents that hold some."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from chalicelib.core.protocol import FRAME_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Document = dict[str, Any]

UNSAYABLE: Final = "unsayable"
"""Stands in every text and secret, so that it can be looked for where neither may be."""

ODD_KEYS: Final = ("__proto__", "constructor", "prototype", "toString", "", "action", "room", "\0")

ODD_TEXTS: Final = (
    "",
    "\0",
    "\r\nlevel: ERROR",
    "\u202eesrever",
    "\ufeff\ufffe\uffff",
    "a\u0308\u0323",
    "\ud800",
    "👩‍👩‍👧",
    "<script>",
    "${jndi:x}",
    "' OR 1=1",
    "x" * 65,
    "é" * 20_000,
)

ODD_LITERALS: Final = (
    "1" + "0" * 400,
    "9" * 5_000,
    "-1",
    "-0",
    "1e999",
    "1.5",
    "18446744073709551616",
    "NaN",
    "Infinity",
    "0x10",
    "007",
    "\uff11",
    '"\\ud800"',
    '"\\u0000"',
    '"\\x"',
    "[" * 40 + "]" * 40,
    "[" * 15_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    "{" + ",".join(f'"{key}":1' for key in range(1_200)) + "}",
    '{"__proto__":{"room":"lobby"}}',
    "/**/1",
    "",
)
"""JSON values that are hard to bear, and some that are none."""

texts: Final = st.one_of(
    st.sampled_from(ODD_TEXTS), st.text(max_size=12).map(lambda text: UNSAYABLE + text)
)
scalars: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-2, 120),
    st.floats(),
    texts,
)
values: Final = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(ODD_KEYS), texts), inner, max_size=3),
    ),
    max_leaves=4,
)
"""Any JSON value, and numbers that JSON does not know."""


_odd_keys: Final = st.sampled_from(ODD_KEYS)
_changes: Final = st.lists(
    st.tuples(
        st.sampled_from(("leave out", "replace", "add")), st.integers(0, 99), _odd_keys, values
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def broken(draw: Callable[..., Any], documents: st.SearchStrategy[Document]) -> Document:
    """A document in which some places are left out, are something else, or hold something more."""
    document: Document = copy.deepcopy(draw(documents))
    for change, number, odd_key, value in draw(_changes):
        containers = list(_containers(document))
        place = containers[number % len(containers)]
        keys: Sequence[Any] = list(place) if isinstance(place, dict) else range(len(place))
        if isinstance(place, list) and (change == "add" or not keys):
            place.append(value)
        elif change == "add" or not keys:
            place[odd_key] = value
        elif change == "replace":
            place[keys[number % len(keys)]] = value
        else:
            del place[keys[number % len(keys)]]
    return document


def _containers(value: object) -> list[Any]:
    """Every object and array in a document, itself first."""
    match value:
        case dict():
            return [value, *(one for inner in value.values() for one in _containers(inner))]
        case list():
            return [value, *(one for inner in value for one in _containers(inner))]
    return []


def written(documents: st.SearchStrategy[Document]) -> st.SearchStrategy[str]:
    """Documents as text, with escapes or without."""
    return st.builds(
        lambda one, plain: json.dumps(one, ensure_ascii=plain), documents, st.booleans()
    )


garbage: Final = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=60).map(lambda data: data.decode(errors="surrogateescape")),
    st.sampled_from(ODD_LITERALS),
    st.just("x" * (FRAME_LIMIT + 1)),
)


def brief(text: str) -> str:
    """Quote the beginning of a text, however long it is."""
    return repr(text) if len(text) <= 500 else f"{text[:500]!r}… ({len(text)} characters)"
