"""Characters that are drawn as nothing, from Unicode's data.

`unicodedata` lacks the property Default_Ignorable_Code_Point. It holds reserved ranges too, so
that characters of later versions are known by it before they exist.

https://www.unicode.org/Public/18.0.0/ucd/DerivedCoreProperties.txt
"""

from __future__ import annotations

import re
from typing import Final

DEFAULT_IGNORABLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Default_Ignorable_Code_Point in Unicode 18.0: joiners, variation selectors, fillers, tags."""

BLANK: Final = re.compile("[\u2800\U00013441\U00013442\U00016fe4\U0001d159]")
"""Letters, marks and symbols without ink that the property leaves out, named as such by Unicode:
the braille blank, the hieroglyphic blanks, the Khitan filler, and the null notehead."""
