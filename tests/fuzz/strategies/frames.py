"""Frames and bodies of requests, right ones and broken ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec
from hypothesis import strategies as st

from chalicelib.core import protocol
from tests.fuzz.strategies.values import (
    ODD_LITERALS,
    brief,
    broken,
    garbage,
    texts,
    values,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.fuzz.strategies.values import Document

ROOMS: Final = ("tea", "lobby", "secret-1", "nowhere")


@dataclass(frozen=True)
class Sent:
    """A frame, and who sends it."""

    sender: str
    body: str

    def __repr__(self) -> str:
        """Quote what a report can be read with."""
        return f"Sent({self.sender!r}, {brief(self.body)})"


_rooms: Final = st.sampled_from(ROOMS)
_FIELDS: Final = {
    "room": _rooms,
    "rooms": st.lists(_rooms, max_size=3),
    "message": texts,
    "data": values,
    "type": st.just("chat"),
    "id": st.text("abcXYZ019-_", min_size=1, max_size=3),
    "resend": st.booleans(),
    "since": st.integers(0, 5),
    "after": st.integers(0, 5),
    "before": st.integers(1, 5),
    "seq": st.integers(1, 5),
    "limit": st.integers(1, 100),
    "seconds": st.integers(0, 5),
    "epoch": st.sampled_from(("epoch-1", "epoch-2")),
    "next": st.text("0123456789abcdef", min_size=4, max_size=4),
    "token": texts,
    "userId": st.sampled_from(("nobody", "0b1f6d3e-52c4-4c0b-9a55-6a0c8b1d7e42")),
}
"""Right values of a field, by its name; a field that is not here takes any value of its type."""


def _right_fields(struct: type[msgspec.Struct]) -> st.SearchStrategy[Document]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    right = {
        name: _FIELDS[name] if name in _FIELDS else st.from_type(field.type)
        for name, field in fields.items()
    }
    return st.fixed_dictionaries(
        {name: right[name] for name, field in fields.items() if field.required},
        optional={name: right[name] for name, field in fields.items() if not field.required},
    )


def _right(request: type[msgspec.Struct]) -> st.SearchStrategy[Document]:
    action = str(request.__struct_config__.tag)
    return _right_fields(request).map(lambda fields: {"action": action, **fields})


publications: Final = _right_fields(protocol.Publication)
"""Right bodies of publications."""

right_frames: Final = st.one_of([_right(request) for request in get_args(protocol.Request)])
"""Frames of every action that there is, with the fields that they have."""


_literals: Final = st.sampled_from(ODD_LITERALS)
_places: Final = st.integers(0, 200)
_scraps: Final = st.sampled_from(("", '"', "}", ",", "\\", "\0", "\ud83d", "é", "{"))


def _splice(frame: Document, place: int, literal: str) -> str:
    """Write a frame, with something for a value that no encoder would write."""
    key = sorted(frame)[place % len(frame)]
    return json.dumps(frame | {key: "@"}).replace('"@"', literal)


def _garble(text: str, place: int, rest: int, scrap: str) -> str:
    """Cut a text somewhere, or put something in there."""
    return text[:place] + scrap + (text[place + rest :] if rest else "")


frames: Final = st.one_of(
    written(right_frames),
    written(broken(right_frames)),
    st.builds(_splice, right_frames, _places, _literals),
    st.builds(_garble, written(right_frames), _places, st.integers(0, 3), _scraps),
    garbage,
)
"""Right ones of every action, and all that may become of one."""


@st.composite
def sent(draw: Callable[..., Any], senders: Sequence[str]) -> Sent:
    """A frame from one of some senders."""
    return Sent(draw(st.sampled_from(senders)), draw(frames))
