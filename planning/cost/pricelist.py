"""Prices: those of `planning/cost/prices.json`, and files that replace some."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

import msgspec

from planning.cost.prices import PriceList

FILE: Final = Path(__file__).with_name("prices.json")


@functools.cache
def standard() -> PriceList:
    """Return the project's prices."""
    return read(FILE)


def read(path: Path) -> PriceList:
    """Read a file of prices.

    Raises:
        ValueError: it can't be read, or is not of the form of `planning/cost/prices.json`.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=PriceList)
    except (OSError, msgspec.DecodeError) as error:
        raise ValueError(
            f"{path} does not hold prices: {error}. It takes the form of planning/cost/prices.json."
        ) from error
