"""Reports of benchmarks: the machine, the versions, and the rows."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

PACKAGES = ("boto3", "botocore", "httptools", "msgspec", "aiobotocore", "awscrt", "ministack")


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": platform.platform(),
        "load": os.getloadavg()[0],
    }


def versions() -> dict[str, str]:
    """Return what the figures were measured with."""
    installed = {
        name: importlib.metadata.version(name)
        for name in PACKAGES
        if importlib.util.find_spec(name) is not None
    }
    return {"python": platform.python_version(), "openssl": ssl.OPENSSL_VERSION} | installed


def about() -> dict[str, Any]:
    """Return `machine` and `versions`; call it before measuring, for the load that there was."""
    return {"machine": machine(), "versions": versions()}


def table(rows: Sequence[dict[str, Any]], words: Container[str] = ()) -> str:
    """Return rows of one kind as a table for people, each column as wide as it must be.

    Columns of `words` begin on the left, as numbers end on the right.
    """
    if not rows:
        return ""
    cells = [[name.replace("_", " ") for name in rows[0]]]
    cells += [[_cell(value) for value in row.values()] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    sides = [str.ljust if name in words else str.rjust for name in rows[0]]
    return "\n".join(
        "  ".join(
            side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)
        ).rstrip()
        for line in cells
    )


def progress(text: str) -> None:
    """Tell a person who waits what is measured."""
    print(f"{text} …", file=sys.stderr, flush=True)


def _processor() -> str:
    """Return the processor's model, which `platform` does not find on Linux."""
    known = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", known.read_text()) if known.exists() else None
    return model[1] if model else platform.processor() or platform.machine()


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
