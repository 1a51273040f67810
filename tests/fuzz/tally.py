"""How much has been tried."""

from collections import Counter
from typing import Final

tried: Final[Counter[str]] = Counter()
"""Inputs so far, by kind."""
