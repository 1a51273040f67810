"""The part of DynamoDB's expressions that the store uses, evaluated on items in memory.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

from __future__ import annotations

import functools
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Item = dict[str, Any]

_CLAUSE: Final = re.compile(r"\b(SET|ADD|DELETE)\b")
_COMMA: Final = re.compile(r",\s*(?![^(]*\))")
_TOKEN: Final = re.compile(r"\w+(?=\()|[:#]?\w+|[()<=,]")


@dataclass(frozen=True)
class Terms:
    """The placeholders of a call's expressions."""

    names: Mapping[str, str]
    values: Mapping[str, Any]

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Terms:
        """Take them from a call's arguments."""
        return cls(
            request.get("ExpressionAttributeNames", {}),
            request.get("ExpressionAttributeValues", {}),
        )

    def name(self, term: str) -> str:
        """Return the attribute that a term names."""
        return self.names.get(term, term)


def update(item: Item, expression: str, terms: Terms) -> None:
    """Carry out an update expression."""
    _, *clauses = _CLAUSE.split(expression)
    for kind, clause in zip(clauses[::2], clauses[1::2], strict=True):
        for action in _COMMA.split(clause.strip()):
            _ACTIONS[kind](item, action, terms)


def holds(item: Item, expression: str, terms: Terms) -> bool:
    """Whether a condition holds for an item; one that is not there has no attributes."""
    return _Condition(item, terms, _tokens(expression)).disjunction()


def _set(item: Item, action: str, terms: Terms) -> None:
    name, value = action.split(" = ")
    operands = [_operand(item, operand, terms) for operand in value.split(" + ")]
    item[terms.name(name)] = functools.reduce(_plus, operands)


def _operand(item: Item, operand: str, terms: Terms) -> Any:
    default = re.fullmatch(r"if_not_exists\((\S+), (\S+)\)", operand)
    if default:
        return item.get(terms.name(default[1]), terms.values[default[2]])
    return terms.values[operand]


def _add(item: Item, action: str, terms: Terms) -> None:
    name, value = action.split()
    added = terms.values[value]
    if "BS" in added:
        item[name] = {"BS": sorted({*item.get(name, {"BS": ()})["BS"], *added["BS"]})}
    else:
        item[name] = _plus(item.get(name, {"N": "0"}), added)


def _delete(item: Item, action: str, terms: Terms) -> None:
    name, value = action.split()
    left = {*item.pop(name, {"BS": ()})["BS"]} - {*terms.values[value]["BS"]}
    if left:
        item[name] = {"BS": sorted(left)}


_ACTIONS: Final[Mapping[str, Callable[[Item, str, Terms], None]]] = {
    "SET": _set,
    "ADD": _add,
    "DELETE": _delete,
}


def _plus(one: Any, other: Any) -> Any:
    return {"N": str(int(one["N"]) + int(other["N"]))}


@functools.cache
def _tokens(expression: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(expression))


class _Condition:
    """Reads a condition from left to right; `OR` binds weaker than `AND`."""

    def __init__(self, item: Item, terms: Terms, tokens: tuple[str, ...]) -> None:
        self._item = item
        self._terms = terms
        self._tokens = tokens
        self._place = 0

    def disjunction(self) -> bool:
        return self._joined("OR", self._conjunction, any)

    def _conjunction(self) -> bool:
        return self._joined("AND", self._comparison, all)

    def _joined(
        self, word: str, part: Callable[[], bool], join: Callable[[list[bool]], bool]
    ) -> bool:
        parts = [part()]
        while self._peek() == word:
            self._next()
            parts.append(part())
        return join(parts)

    def _comparison(self) -> bool:
        token = self._next()
        match token:
            case "(":
                inner = self.disjunction()
                self._next()
                return inner
            case "attribute_exists":
                return self._arguments()[0] is not None
            case "attribute_not_exists":
                return self._arguments()[0] is None
            case "contains":
                values, value = self._arguments()
                return values is not None and value["B"] in values["BS"]
            case "size":
                values = self._arguments()[0]
                left = None if values is None else len(values["BS"])
            case _:
                left = _comparable(self._value(token))
        compare = {"=": operator.eq, "<": operator.lt}[self._next()]
        right = _comparable(self._value(self._next()))
        return left is not None and bool(compare(left, right))

    def _arguments(self) -> list[Any]:
        values = []
        while self._next() != ")":
            values.append(self._value(self._next()))
        return values

    def _value(self, token: str) -> Any:
        if token.startswith(":"):
            return self._terms.values[token]
        return self._item.get(self._terms.name(token))

    def _peek(self) -> str | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _next(self) -> str:
        self._place += 1
        return self._tokens[self._place - 1]


def _comparable(value: Any) -> Any:
    """Return a number or a text as Python has it; None for an attribute that is not there."""
    if value is None:
        return None
    return int(value["N"]) if "N" in value else value["S"]
