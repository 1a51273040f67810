"""Record: a class of a few named fields, as a frozen dataclass, made in less time.

A dataclass writes the code of its methods whenever a container imports it, which takes 0.7 ms; a
struct of msgspec takes 0.02 ms. There are 60, and every cold start makes them.
"""

from __future__ import annotations

from msgspec import Struct


class Record(Struct, frozen=True):
    """Base of what is made of named parts, with the constructor and equality of its parts.

    `msgspec.structs.replace` makes a copy with other parts; that of `dataclasses` refuses it.

    The annotations are read only where msgspec decodes the class; elsewhere their imports may be
    for the type checker alone.
    """
