"""Prices, and the bill of what was used."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price of each `Price.per`, up to so many units a month, or for all the rest."""

    dollars: float
    up_to: float | None = None


class Price(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Price of one kind of usage.

    Attributes:
        unit: what is counted.
        tiers: from the first unit of a month to the last, each from where the one before ends.
        per: so many units cost a tier's dollars.
        step_bytes: what is larger counts as several units, one for each step begun.
        free: units a month that new accounts, or all, need not pay.
        source: the page that says so, and `read` when it was read.
    """

    service: str
    unit: str
    tiers: tuple[Tier, ...]
    source: str
    read: str
    per: float = 1
    step_bytes: int | None = None
    free: float = 0

    def units(self, size: float) -> int:
        """Return as how many units something of so many bytes counts."""
        return 1 if self.step_bytes is None else max(1, math.ceil(size / self.step_bytes))

    def dollars(self, amount: float) -> float:
        """Return what so many units cost in one month."""
        total, start = 0.0, 0.0
        for tier in self.tiers:
            end = amount if tier.up_to is None else min(amount, tier.up_to)
            total += max(0.0, end - start) * tier.dollars / self.per
            start = end
        return total


class PriceList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The prices of a region, by name."""

    region: str
    currency: str
    prices: dict[str, Price]

    def __getitem__(self, name: str) -> Price:
        """Return a price."""
        return self.prices[name]

    def replaced(self, other: PriceList) -> PriceList:
        """Return the list with another's prices in the places of its own, under the other's region.

        Raises:
            ValueError: the other has a price that this one does not have, or another currency.
        """
        if unknown := other.prices.keys() - self.prices.keys():
            raise ValueError(
                f"There is no price named {', '.join(sorted(unknown))}."
                f" There are {', '.join(sorted(self.prices))}."
            )
        if other.currency != self.currency:
            raise ValueError(
                f"Prices in {other.currency} can't be mixed with those in {self.currency}."
            )
        return PriceList(other.region, self.currency, self.prices | other.prices)


class Use(NamedTuple):
    """So many units, used for something in a month."""

    price: str
    purpose: str
    amount: float


class Line(NamedTuple):
    """One line of a bill."""

    service: str
    purpose: str
    unit: str
    amount: float
    dollars: float


def bill(uses: Iterable[Use], prices: PriceList, *, free: bool = False) -> tuple[Line, ...]:
    """Price what was used in one month, a line for each price and purpose.

    Uses of one price fill its tiers, and what is free of it, one after the other.
    """
    amounts: dict[tuple[str, str], float] = {}
    for use in uses:
        key = use.price, use.purpose
        amounts[key] = amounts.get(key, 0.0) + use.amount
    before: dict[str, float] = {}
    lines = []
    for (name, purpose), amount in amounts.items():
        price = prices[name]
        gratis = price.free if free else 0.0
        start = before.get(name, 0.0)
        end = before[name] = start + amount
        dollars = price.dollars(max(0.0, end - gratis)) - price.dollars(max(0.0, start - gratis))
        lines.append(Line(price.service, purpose, price.unit, amount, dollars))
    return tuple(lines)


def total(lines: Iterable[Line]) -> float:
    """Return the dollars of a bill."""
    return sum(line.dollars for line in lines)
