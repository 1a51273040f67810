"""Bounds of frames and names."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.auth.names import clean_name
from chalicelib.core import protocol
from chalicelib.core.errors import Code, FrameError
from chalicelib.core.protocol import Bounds, Say, is_room_name


@pytest.mark.parametrize(
    "body",
    [
        "[" * 32_000,
        "[" * 16_000 + "]" * 16_000,
        '{"action":' + '{"a":' * 5000,
        '{"action":"signal","room":"tea","data":' + "[" * 9000 + "]" * 9000 + "}",
        '{"action":"signal","room":"tea","data":' + '{"a":' * 40 + "1" + "}" * 41,
        '{"action":"ping",' + ",".join(f'"{n}":0' for n in range(3500)) + "}",
        '{"action":{' + ",".join(f'"{n}":0' for n in range(3500)) + "}}",
    ],
)
def test_a_frame_of_many_parts_is_refused_before_anything_is_built(body: str) -> None:
    """Depth and keys have a limit, whatever field they stand in and whether they end or not."""
    with pytest.raises(FrameError) as refusal:
        protocol.decode(body)
    assert refusal.value.code is Code.BAD_FRAME
    protocol.error_frame(refusal.value, body)


@pytest.mark.parametrize(
    "text",
    ["[[{{::" * 2000, '\\"[' * 5000, "\\" * 10_000, '"' * 9000, '":[' * 3000 + "\\"],
)
def test_a_text_may_hold_whatever_it_likes(text: str) -> None:
    """Brackets and colons in strings are no structure."""
    frame = {"action": "message", "message": text, "room": "tea"}
    encoded = json.dumps(frame)
    assert protocol.decode(encoded) == Say(message=text, room="tea")


def test_strings_without_an_end_are_read_once() -> None:
    """A frame made to have the shape looked for over and over is refused like any other."""
    for body in ('"' + '\\"' * 16_000, "[" * 40 + '"\\"' * 10_000, '\\"' * 100 + "[" * 40):
        with pytest.raises(FrameError) as refusal:
            protocol.decode(body)
        assert refusal.value.code in (Code.BAD_JSON, Code.BAD_FRAME)


def test_bounds_can_be_set_lower() -> None:
    """Settings make messages, names, depth and keys less than the protocol allows."""
    bounds = Bounds(message=10, room_name=4, depth=3, keys=4)

    def code(frame: dict[str, object]) -> str:
        with pytest.raises(FrameError) as refusal:
            protocol.decode(json.dumps(frame), bounds)
        return refusal.value.code

    assert code({"action": "message", "room": "tea", "message": "x" * 11}) == Code.TOO_LARGE
    assert code({"action": "join", "room": "lobby"}) == Code.BAD_ROOM
    assert code({"action": "signal", "room": "tea", "data": [[[1]]]}) == Code.BAD_FRAME
    assert code({"action": "signal", "room": "tea", "data": {"a": 1, "b": 2}}) == Code.BAD_FRAME


@pytest.mark.parametrize(
    "name",
    [
        "",
        " tea",
        "tea ",
        "tea  house",
        "tea\u00a0house",
        "te\u200ba",
        "tea\n",
        "\u0000",
        "\u202eaet",
        "\u2066tea\u2069",
        "\u200ftea",
        "te\u0301a",
        "\ufeff" + "tea",
        "\ud800",
        "\ue000",
        "\U000e0001tea",
        "x" * 65,
    ],
)
def test_a_room_s_name_can_be_seen_for_what_it_is(name: str) -> None:
    """No control, no turned direction, nothing invisible, and one spelling only."""
    assert not is_room_name(name)


@pytest.mark.parametrize("place", ["3fa", "3fa23", "3FA2", "3fa2\n", "\n3fa2", "٣٣٣٣", 3333])
def test_a_place_among_members_has_one_form(place: object) -> None:
    """Four hexadecimal digits, and no line feed after them."""
    protocol.decode(json.dumps({"action": "who", "room": "tea", "next": "3fa2"}))
    with pytest.raises(FrameError) as refusal:
        protocol.decode(json.dumps({"action": "who", "room": "tea", "next": place}))
    assert refusal.value.code is Code.BAD_FRAME


@pytest.mark.parametrize(
    "name",
    ["", "a" * 65, "ada\n", "\nada", "a_b", "a/b", "\u0430da", "a\u200d", "\u00e4", "\u0661"],
)
def test_an_id_is_plain_letters_digits_and_hyphens(name: str) -> None:
    """A user's, in a path or a frame, and a message's: no other alphabet, no mark, no line."""
    with pytest.raises(FrameError) as refusal:
        protocol.check_user_id(name)
    assert refusal.value.code is Code.BAD_FRAME
    with pytest.raises(FrameError) as refusal:
        protocol.decode(json.dumps({"action": "kick", "room": "tea", "userId": name}))
    assert refusal.value.code is Code.BAD_FRAME
    if name != "a_b":
        with pytest.raises(FrameError) as refusal:
            protocol.decode(json.dumps({"action": "message", "message": "hi", "id": name}))
        assert refusal.value.code is Code.BAD_FRAME


@given(st.text(min_size=1, max_size=64))
def test_no_name_of_a_room_hides_a_character(name: str) -> None:
    """A name that is taken is in NFC, and holds no unseen character but single spaces."""
    if is_room_name(name):
        assert unicodedata.normalize("NFC", name) == name
        assert not any(unicodedata.category(one).startswith("C") for one in name)
        assert name.isprintable()


@given(st.text(max_size=100), st.integers(min_value=1, max_value=40))
def test_any_name_is_made_fit_to_show(name: str, limit: int) -> None:
    """One line, bounded, never empty, and the same when it is made fit again."""
    clean = clean_name(name, limit)
    assert clean
    assert len(clean) <= max(limit, len("Anonymous"))
    assert not any(unicodedata.category(one).startswith(("C", "Zl", "Zp")) for one in clean)
    assert unicodedata.is_normalized("NFC", clean)
    assert clean == "Anonymous" or clean_name(clean, limit) == clean
