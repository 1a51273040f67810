"""Counts of tried inputs."""

from collections import Counter
from typing import Final

tried: Final[Counter[str]] = Counter()
"""Inputs so far, by kind."""
