"""Nothing that cannot be seen tells two names apart."""

from __future__ import annotations

import unicodedata

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.adapters.auth.names import clean_name
from chalicelib.core.protocol import is_room_name
from chalicelib.core.text import BLANK, DEFAULT_IGNORABLE, visible

CHARACTERS = "".join(map(chr, range(0x110000)))
IGNORABLE: list[str] = regex.findall(r"\p{Default_Ignorable_Code_Point}", CHARACTERS)
MARKS = [one for one in CHARACTERS if unicodedata.category(one).startswith("M")]


def test_the_table_is_unicodes() -> None:
    """Of all code points it holds those with the property, as another table of Unicode 18 does."""
    assert DEFAULT_IGNORABLE.findall(CHARACTERS) == IGNORABLE
    assert len(IGNORABLE) == 4174


@pytest.mark.parametrize(
    ("character", "name"),
    [
        ("\u2800", "BRAILLE PATTERN BLANK"),
        ("\U00016fe4", "KHITAN SMALL SCRIPT FILLER"),
        ("\U0001d159", "MUSICAL SYMBOL NULL NOTEHEAD"),
        ("\U00013441", "EGYPTIAN HIEROGLYPH FULL BLANK"),
        ("\U00013442", "EGYPTIAN HIEROGLYPH HALF BLANK"),
    ],
)
def test_a_blank_is_a_space(character: str, name: str) -> None:
    """Characters that are named as blank part words in a name, and are refused in a room's."""
    assert BLANK.match(character)
    assert unicodedata.name(character, name) == name
    assert clean_name(f"A{character}da{character}") == "A da"
    assert not is_room_name(f"te{character}a")


def test_no_ignorable_character_makes_another_name() -> None:
    """Anywhere in it: a person's name goes without, and a room's name is refused."""
    for one in IGNORABLE:
        assert clean_name(f"{one}A{one}da{one}") == "Ada"
        assert clean_name(one * 3) == "Anonymous"
        assert not any(is_room_name(name) for name in (one, f"{one}tea", f"te{one}a", f"tea{one}"))


def test_no_mark_stands_without_a_base() -> None:
    """At the beginning or after a space a mark goes, or is refused, however many there are."""
    for mark in MARKS:
        assert clean_name(f"{mark}{mark}Ada {mark}{mark}L") == "Ada L"
        assert not any(
            is_room_name(name) for name in (mark, f"{mark}tea", f"tea {mark}", f"t {mark}a")
        )


@pytest.mark.parametrize(
    "name",
    [
        "Zoë",
        "q\u0308y",
        "नमस्ते",
        "שָׁלוֹם",
        "ภาษาไทย",
        "한국어",
        "日本語",
        "می",
        "🎺 tea",
        "👍🏽",
        "🇮🇷",
        "1\u20e3",
        "❤",
    ],
)
def test_what_people_write_stays(name: str) -> None:
    """Marks on a base, scripts, symbols, flags and skin tones are as good as before."""
    assert clean_name(name) == name
    assert is_room_name(name)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param("❤\ufe0f", "❤", id="emoji style"),
        pytest.param("1\ufe0f\u20e3", "1\u20e3", id="keycap"),
        pytest.param("👩\u200d👧", "👩👧", id="family"),
        pytest.param("🏴\U000e0067\U000e0062\U000e007f", "🏴", id="flag of tags"),
        pytest.param("می\u200cشود", "میشود", id="Persian non-joiner"),
        pytest.param("e\u034f\u0301", "é", id="a joiner that keeps letters apart"),
        pytest.param("A\u202edA", "AdA", id="turned"),
        pytest.param("\u3164", "Anonymous", id="Hangul filler"),
        pytest.param("a\ufff9\u0301b", "a b", id="a mark on a control"),
    ],
)
def test_a_name_is_as_it_looks(written: str, shown: str) -> None:
    """Joiners and selectors go from a person's name and leave what can be seen; rooms take none."""
    assert clean_name(written) == shown
    assert not is_room_name(written)


@given(st.text(st.characters() | st.sampled_from([*IGNORABLE[:200], *MARKS, " ", "\u2800", "a"])))
@example("a\u034f\u0301")
@example("\u0344")
def test_visible_text_stays_as_it_is(text: str) -> None:
    """A text made visible stays the same, and holds one spelling of each character."""
    shown = visible(text)
    assert visible(shown) == shown
    assert unicodedata.is_normalized("NFC", shown)
    assert shown.isprintable()
    assert not DEFAULT_IGNORABLE.search(shown)
