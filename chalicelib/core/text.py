"""Text as people see it."""

from __future__ import annotations

import unicodedata

from chalicelib.ignorable import BLANK, DEFAULT_IGNORABLE


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
