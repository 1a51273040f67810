"""Visible text: one spelling for what looks the same."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

DEFAULT_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point in Unicode 18.0: joiners, variation selectors, fillers, tags.

`unicodedata` lacks the property. It holds reserved ranges too, so that characters of later versions
are known by it before they exist.
https://www.unicode.org/Public/18.0.0/ucd/DerivedCoreProperties.txt
"""

BLANK: Final = re.compile("[\u2800\U00013441\U00013442\U00016fe4\U0001d159]")
"""Letters, marks and symbols without ink that the property leaves out, named as such by Unicode:
the braille blank, the hieroglyphic blanks, the Khitan filler, and the null notehead."""


def visible(text: str) -> str:
    """Return the one spelling of what a text looks like: one line in NFC, with single spaces.

    Ignorable characters go, such as joiners and those that change the direction of text. Controls,
    unassigned characters, blanks and separators become spaces. A combining mark needs a base: at
    the beginning or after a space it goes.
    """
    # They keep letters and marks from composing, so they go first.
    composed = unicodedata.normalize("NFC", DEFAULT_IGNORABLE.sub("", text))
    kept = " "
    for character in BLANK.sub(" ", composed):
        category = unicodedata.category(character)[0]
        if category in "CZ":
            kept += " "
        elif category != "M" or kept[-1] != " ":
            kept += character
    return " ".join(kept.split())
